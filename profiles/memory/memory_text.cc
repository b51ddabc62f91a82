// SPDX-License-Identifier: Apache-2.0
#include "profiles/memory/memory_text.h"

#include <errno.h>
#include <string.h>

#include <algorithm>

#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/write/text_profile.h"

namespace heapprof {
namespace {

// A line of the table: the sum of all rows that begin with these names.
struct Line {
  const char* names[MemoryRow::kNames];
  int depth;
  uint64_t resident, mapped;
  // What stands above it, and itself: how much each has, and which of them it is.
  struct {
    uint64_t resident;
    size_t number;
  } path[MemoryRow::kNames];
};

// Of lines that are told apart at all levels; rows and the two sums of the stacks.
class Lines {
 public:
  ~Lines() {
    if (lines_ != nullptr) RawUnmap(lines_, bytes_);
  }
  Lines() = default;
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  bool Collect(const MemoryReport& report) {
    bytes_ = (report.rows().count() + size_t{2}) * MemoryRow::kNames * sizeof(Line);
    lines_ = static_cast<Line*>(RawMap(bytes_));
    if (lines_ == nullptr) return false;
    for (uint32_t i = 0; i < report.rows().count(); ++i) {
      const MemoryRow& row = report.rows().at(i);
      const char* names[MemoryRow::kNames];
      for (int k = 0; k < MemoryRow::kNames; ++k) {
        names[k] = row.names[k] != 0 ? report.rows().NameAt(row.names[k]) : nullptr;
      }
      AddAll(names, row.resident, row.mapped);
    }
    ShareBytes live, rounding;
    for (uint32_t id = 1; id <= report.shares().count(); ++id) {
      const MemoryShare& share = report.shares().At(id);
      live.resident += share.live.resident;
      live.mapped += share.live.mapped;
      rounding.resident += share.rounding.resident;
      rounding.mapped += share.rounding.mapped;
    }
    AddStacks(cause::kLive, live);
    AddStacks(cause::kRounding, rounding);
    Join();
    return true;
  }
  const Line* begin() const { return lines_; }
  const Line* end() const { return lines_ + count_; }

 private:
  void AddStacks(const char* which, const ShareBytes& bytes) {
    const char* names[MemoryRow::kNames] = {cause::kHeap, which, nullptr};
    if (bytes.mapped != 0) {
      AddAll(names, static_cast<uint64_t>(bytes.resident), static_cast<uint64_t>(bytes.mapped));
    }
  }
  void AddAll(const char* const* names, uint64_t resident, uint64_t mapped) {
    for (int depth = 1; depth <= MemoryRow::kNames && names[depth - 1] != nullptr; ++depth) {
      Line line = {{}, depth, resident, mapped, {}};
      for (int k = 0; k < depth; ++k) line.names[k] = names[k];
      lines_[count_++] = line;
    }
  }
  static int Compare(const Line& a, const Line& b) {
    for (int k = 0; k < a.depth && k < b.depth; ++k) {
      if (const int order = strcmp(a.names[k], b.names[k])) return order;
    }
    return a.depth - b.depth;
  }
  // Equal ones to one, then each level by size: a line's key is the sums of the lines above it, and its own.
  void Join() {
    std::sort(lines_, lines_ + count_, [](const Line& a, const Line& b) { return Compare(a, b) < 0; });
    size_t kept = 0;
    for (size_t i = 0; i < count_; ++i) {
      if (kept > 0 && Compare(lines_[kept - 1], lines_[i]) == 0) {
        lines_[kept - 1].resident += lines_[i].resident;
        lines_[kept - 1].mapped += lines_[i].mapped;
      } else {
        lines_[kept++] = lines_[i];
      }
    }
    count_ = kept;
    size_t above[MemoryRow::kNames] = {};
    for (size_t i = 0; i < count_; ++i) {
      above[lines_[i].depth - 1] = i;
      for (int k = 0; k < lines_[i].depth; ++k) lines_[i].path[k] = {lines_[above[k]].resident, above[k]};
    }
    std::sort(lines_, lines_ + count_, IsBefore);
  }
  static bool IsBefore(const Line& a, const Line& b) {
    for (int k = 0; k < a.depth && k < b.depth; ++k) {
      if (a.path[k].number == b.path[k].number) continue;
      if (a.path[k].resident != b.path[k].resident) return a.path[k].resident > b.path[k].resident;
      return a.path[k].number < b.path[k].number;
    }
    return a.depth < b.depth;
  }

  Line* lines_ = nullptr;
  size_t bytes_ = 0, count_ = 0;
};

void Padded(const TextWriter& text, size_t width, TextStream* out) {
  for (size_t i = text.size(); i < width; ++i) out->Str(" ");
  out->Str(text.data());
}

void WriteLine(const Line& line, uint64_t whole, TextStream* out) {
  Text<24> number;
  Padded(number.UDec(line.resident), 14, out);
  const uint64_t permille = whole != 0 ? (line.resident * 1000 + whole / 2) / whole : 0;
  number.Clear();
  Padded(number.UDec(permille / 10).Char('.').UDec(permille % 10), 7, out);
  out->Str(" %");
  number.Clear();
  Padded(number.UDec(line.mapped), 16, out);
  out->Str("  ");
  for (int i = 0; i < line.depth; ++i) out->Str("  ");
  out->Str(line.names[line.depth - 1]).Str("\n");
}

void WriteStack(const HeapSource& source, uint32_t id, const MemoryShare& share, const ModuleTable& modules,
                const FrameSymbols& symbols, TextStream* out) {
  const Bucket& bucket = *source.BucketAt(id);
  out->UDec(static_cast<uint64_t>(share.live.resident + share.rounding.resident)).Str(": ");
  out->UDec(static_cast<uint64_t>(share.live.mapped + share.rounding.mapped)).Str(" @");
  if (bucket.stack == kOverflowStack) {
    out->Str("\n#\t").Str(kOverflowFrame).Str("\n\n");
    return;
  }
  const StackView stack = source.StackAt(bucket.stack);
  for (uint32_t i = 0; i < stack.depth; ++i) {
    out->Str(" ").Hex(source.ReturnAddress(stack.locations[i]));
  }
  out->Str("\n");
  for (uint32_t i = 0; i < stack.depth; ++i) {
    WriteTextFrame(modules, symbols, source.ReturnAddress(stack.locations[i]), out);
  }
  if (stack.truncated) out->Str("#\t").Str(TruncatedFrame(stack.truncated)).Str("\n");
  out->Str("\n");
}

int WriteStacks(const MemoryReport& report, const HeapSource& source, MemoryTextWorkspace* workspace,
                TextStream* out) {
  const MemoryShares& shares = report.shares();
  const size_t bytes = (size_t{shares.count()} + 1) * sizeof(uint32_t);
  auto* ids = static_cast<uint32_t*>(RawMap(bytes));
  if (ids == nullptr) return -ENOMEM;
  uint32_t count = 0;
  for (uint32_t id = 1; id <= shares.count(); ++id) {
    if (shares.At(id).live.mapped != 0) ids[count++] = id;
  }
  const auto resident = [&](uint32_t id) {
    return shares.At(id).live.resident + shares.At(id).rounding.resident;
  };
  std::sort(ids, ids + count, [&](uint32_t a, uint32_t b) {
    return resident(a) != resident(b) ? resident(a) > resident(b) : a < b;
  });
  ModuleTable modules(&workspace->modules);
  modules.Read();
  FrameSymbols symbols;
  int error = symbols.Resolve(
      modules, [&](uint32_t id) { return source.ReturnAddress(id); }, source.LocationCount(),
      workspace->scratch);
  for (uint32_t i = 0; error == 0 && i < count && out->error() == 0; ++i) {
    WriteStack(source, ids[i], shares.At(ids[i]), modules, symbols, out);
  }
  RawUnmap(ids, bytes);
  return error;
}

void WriteMappingStack(const MemoryRow& row, const MemoryRows& rows, const ModuleTable& modules,
                       const FrameSymbols& symbols, TextStream* out) {
  const StackCounts& stacks = ProcessMappings().stacks();
  const CountedStack& entry = stacks.at(row.stack);
  out->UDec(row.resident).Str(": ").UDec(row.mapped).Str(" @");
  const uint32_t* locations = stacks.LocationsOf(entry);
  for (uint32_t i = 0; i < entry.depth; ++i) out->Str(" ").Hex(stacks.AddressOf(locations[i]) + 1);
  out->Str("\n");
  for (uint32_t i = 0; i < entry.depth; ++i) {
    WriteTextFrame(modules, symbols, stacks.AddressOf(locations[i]) + 1, out);
  }
  if (row.stack == StackCounts::kOverflow) {
    out->Str("#\t").Str(kOverflowFrame).Str("\n");
  } else if (entry.truncated) {
    out->Str("#\t").Str(TruncatedFrame(entry.truncated)).Str("\n");
  }
  for (int i = MemoryRow::kNames - 1; i >= 0; --i) {
    if (row.names[i] != 0) out->Str("#\t").Str(rows.NameAt(row.names[i])).Str("\n");
  }
  out->Str("\n");
}

// Of what was mapped: the rows that have stacks.
int WriteMappingStacks(const MemoryRows& rows, MemoryTextWorkspace* workspace, TextStream* out) {
  const size_t bytes = (size_t{rows.count()} + 1) * sizeof(uint32_t);
  auto* numbers = static_cast<uint32_t*>(RawMap(bytes));
  if (numbers == nullptr) return -ENOMEM;
  uint32_t count = 0;
  for (uint32_t i = 0; i < rows.count(); ++i) {
    if (rows.at(i).stack != 0) numbers[count++] = i;
  }
  std::sort(numbers, numbers + count, [&](uint32_t a, uint32_t b) {
    const MemoryRow &left = rows.at(a), &right = rows.at(b);
    if (left.resident != right.resident) return left.resident > right.resident;
    return left.mapped != right.mapped ? left.mapped > right.mapped : a < b;
  });
  int error = 0;
  if (count != 0) {
    const StackCounts& stacks = ProcessMappings().stacks();
    ModuleTable modules(&workspace->modules);
    modules.Read();
    FrameSymbols symbols;
    error = symbols.Resolve(
        modules, [&](uint32_t id) { return stacks.AddressOf(id) + 1; }, stacks.location_count(),
        workspace->scratch);
    if (error == 0) out->Str("stacks of [mapped by the program] and [shared memory]: resident: mapped\n");
    for (uint32_t i = 0; error == 0 && i < count && out->error() == 0; ++i) {
      WriteMappingStack(rows.at(numbers[i]), rows, modules, symbols, out);
    }
  }
  RawUnmap(numbers, bytes);
  return error;
}

}  // namespace

int WriteMemoryText(const MemoryReport& report, const HeapSource& source, ByteSink* sink,
                    MemoryTextWorkspace* workspace) {
  TextStream out(sink, workspace->text);
  Lines lines;
  if (!lines.Collect(report)) return -ENOMEM;
  out.Str("memory of ").UDec(static_cast<uint64_t>(RawGetPid()));
  if (report.resident() != 0) {
    out.Str(": RSS ").UDec(report.resident()).Str(", in bytes\n");
  } else {
    out.Str(": RSS not known, in bytes\n");
  }
  out.Str("      resident    share          mapped\n");
  for (const Line& line : lines) WriteLine(line, report.resident(), &out);
  out.Str("# [kernel: page tables] ").UDec(report.state().process().page_tables).Str(", in no RSS\n");
  if (report.counted_above() != 0) {
    out.Str("# counted above RSS ").UDec(report.counted_above()).Str("\n");
  }
  out.Str("# swapped out ").UDec(report.state().process().swapped).Str("\n");
  if (source.Interval() != 1) out.Str("# the stacks, and what rounding adds, are estimated from samples\n");
  out.Str("\nstacks of [live blocks] with their [rounding to size classes]: resident: mapped\n");
  if (const int error = WriteStacks(report, source, workspace, &out)) return error;
  if (const int error = WriteMappingStacks(report.rows(), workspace, &out)) return error;
  return out.Flush();
}

}  // namespace heapprof
