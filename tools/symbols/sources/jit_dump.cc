// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/sources/jit_dump.h"

#include <cstring>

namespace heapprof::tools {
namespace {

// The format of tools/perf/Documentation/jitdump-specification.txt in Linux.
constexpr uint32_t kMagic = 0x4a695444;
enum RecordKind : uint32_t { kLoad = 0, kMove = 1, kLines = 2 };

struct FileHeader {
  uint32_t magic, version, size, machine, padding, pid;
  uint64_t time, flags;
};

struct RecordHeader {
  uint32_t kind, size;
  uint64_t time;
};

struct LoadRecord {
  uint32_t pid, tid;
  uint64_t virtual_address, address, size, index;
};

struct MoveRecord {
  uint32_t pid, tid;
  uint64_t virtual_address, from, to, size, index;
};

struct LinesRecord {
  uint64_t address, count;
};

struct LineEntry {
  uint64_t address;
  uint32_t line, discriminator;
};

// Takes a T off the begin of `bytes`.
template <typename T>
bool Take(std::string_view* bytes, T* value) {
  if (bytes->size() < sizeof *value) return false;
  memcpy(value, bytes->data(), sizeof *value);
  bytes->remove_prefix(sizeof *value);
  return true;
}

// Takes a text that ends with a zero.
bool TakeText(std::string_view* bytes, std::string* text) {
  const size_t end = bytes->find('\0');
  if (end == std::string_view::npos) return false;
  *text = bytes->substr(0, end);
  bytes->remove_prefix(end + 1);
  return true;
}

bool IsRange(uint64_t start, uint64_t size) { return size != 0 && start + size > start; }

}  // namespace

bool JitDump::IsName(std::string_view path) {
  constexpr std::string_view kBegin = "/jit-", kEnd = ".dump";
  const size_t slash = path.rfind('/');
  return slash != std::string_view::npos && path.substr(slash, kBegin.size()) == kBegin &&
         path.size() > kEnd.size() && path.substr(path.size() - kEnd.size()) == kEnd;
}

JitDump::JitDump(std::string_view bytes, pid_t pid) {
  FileHeader header;
  const std::string_view whole = bytes;
  if (!Take(&bytes, &header) || header.magic != kMagic || header.pid != static_cast<uint32_t>(pid) ||
      header.size < sizeof header || header.size > whole.size()) {
    return;
  }
  bytes = whole.substr(header.size);
  RecordHeader record;
  while (bytes.size() >= sizeof record) {
    memcpy(&record, bytes.data(), sizeof record);
    if (record.size < sizeof record || record.size > bytes.size()) return;
    const std::string_view content = bytes.substr(sizeof record, record.size - sizeof record);
    bytes.remove_prefix(record.size);
    if (record.kind == kLoad) Load(content);
    if (record.kind == kMove) Move(content);
    if (record.kind == kLines) ReadLines(content);
  }
}

void JitDump::ReadLines(std::string_view record) {
  pending_.clear();
  LinesRecord lines;
  if (!Take(&record, &lines)) return;
  LineEntry entry;
  std::string file, text;
  for (uint64_t i = 0; i < lines.count && Take(&record, &entry) && TakeText(&record, &text); ++i) {
    if (text != "\xff") file = text;  // else that of the entry before
    pending_.push_back({entry.address, {file, entry.line}});
  }
}

void JitDump::Load(std::string_view record) {
  LoadRecord load;
  std::string name;
  if (Take(&record, &load) && TakeText(&record, &name) && IsRange(load.address, load.size)) {
    const uint64_t end = load.address + load.size;
    codes_.Lay(load.address, end, name);
    lines_.erase(lines_.lower_bound(load.address), lines_.lower_bound(end));
    for (auto& [address, line] : pending_) {
      if (address >= load.address && address < end) lines_[address] = std::move(line);
    }
  }
  pending_.clear();
}

void JitDump::Move(std::string_view record) {
  MoveRecord move;
  if (!Take(&record, &move) || !IsRange(move.from, move.size) || !IsRange(move.to, move.size)) return;
  const std::string name = codes_.NameAt(move.from);
  if (name.empty()) return;
  std::vector<std::pair<uint64_t, Line>> lines(lines_.lower_bound(move.from),
                                               lines_.lower_bound(move.from + move.size));
  codes_.Lay(move.to, move.to + move.size, name);
  lines_.erase(lines_.lower_bound(move.to), lines_.lower_bound(move.to + move.size));
  for (auto& [address, line] : lines) lines_[address - move.from + move.to] = std::move(line);
}

SourceFrame JitDump::At(uint64_t address) const {
  SourceFrame frame = codes_.At(address);
  const auto after = lines_.upper_bound(address);
  if (frame.symbol.empty() || after == lines_.begin()) return frame;
  const auto& [from, line] = *std::prev(after);
  if (from < codes_.StartOf(address)) return frame;
  frame.start_line = frame.line;
  frame.line = line.line;
  if (!line.file.empty()) frame.file = line.file;
  return frame;
}

}  // namespace heapprof::tools
