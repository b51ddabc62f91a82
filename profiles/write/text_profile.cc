// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/text_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>

#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/write/frame_symbols.h"
#include "profiles/write/growth_values.h"
#include "profiles/write/lifetime_values.h"
#include "profiles/write/process_start.h"

namespace heapprof {
namespace {

static_assert(sizeof(HeapTextWorkspace::scratch) >= FrameSymbols::kScratchSize,
              "symbols are read through it");

// Stands for the stack of a bucket that has none, as readers want an address: this is never code.
constexpr uint64_t kNoCode = 1;

struct Record {
  uint64_t inuse_bytes;  // the key of the order
  SampleCounts counts;
  uint32_t bucket;
};

uint64_t SaturatedProduct(uint64_t a, uint64_t b) {
  uint64_t product;
  // Readers take signed numbers.
  return __builtin_mul_overflow(a, b, &product) || product > INT64_MAX ? INT64_MAX : product;
}

// All records, in mapped memory.
class Records {
 public:
  ~Records() {
    if (data_ != nullptr) RawUnmap(data_, bytes_);
  }
  Records() = default;
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;

  int Collect(const HeapSource& source, const TextStyle& style);
  const Record* begin() const { return data_; }
  const Record* end() const { return data_ + count_; }
  uint64_t interval() const { return interval_; }

 private:
  Record* data_ = nullptr;
  size_t bytes_ = 0;
  size_t count_ = 0;
  uint64_t interval_ = 0;
};

int Records::Collect(const HeapSource& source, const TextStyle& style) {
  uint32_t buckets = source.BucketCount();
  bytes_ = sizeof(Record) * (size_t{buckets} + 1);
  data_ = static_cast<Record*>(RawMap(bytes_));
  if (data_ == nullptr) return -ENOMEM;
  uint64_t smallest = UINT64_MAX;
  for (uint32_t id = 1; id <= buckets; id++) {
    const Bucket* bucket = source.BucketAt(id);
    if (bucket == nullptr) continue;
    if (source.Growth() != nullptr) {
      const GrowthValues growth = ValuesOfGrowth(*source.Growth(), id, *bucket);
      // Negative numbers before positive ones.
      const uint64_t key = static_cast<uint64_t>(growth.values[kGrowthHour]) + (uint64_t{1} << 63);
      if (!growth.IsZero()) data_[count_++] = {key, {0, 0}, id};
      continue;
    }
    if (source.Lifetimes() != nullptr) {
      const LifetimeSamples lifetimes = SamplesOf(*source.Lifetimes(), id, *bucket);
      const uint64_t key = static_cast<uint64_t>(lifetimes.Bytes(false)) +  // both are below 2^63
                           static_cast<uint64_t>(lifetimes.Bytes(true));
      if (lifetimes.count != 0) data_[count_++] = {key, {0, 0}, id};
      continue;
    }
    SampleCounts counts = CountsOf(source, id, *bucket);
    if (counts.allocations == 0) continue;  // its writer has not counted yet, or it had nothing at the peak
    if (!style.accumulated && counts.frees == counts.allocations) continue;
    smallest = std::min<uint64_t>(smallest, bucket->interval);
    data_[count_++] = {0, counts, id};
  }
  interval_ = count_ > 0 ? smallest : source.Interval();
  const bool by_samples = source.Growth() == nullptr && source.Lifetimes() == nullptr;
  for (size_t i = 0; i < count_ && by_samples; i++) {
    Record& record = data_[i];
    const Bucket& bucket = *source.BucketAt(record.bucket);
    record.counts = CountsAtInterval(record.counts, bucket.size, bucket.interval, interval_,
                                     RoundingOffset(bucket.key_hash));
    record.inuse_bytes = SaturatedProduct(record.counts.allocations - record.counts.frees, bucket.size);
  }
  std::sort(data_, data_ + count_, [](const Record& a, const Record& b) {
    return a.inuse_bytes != b.inuse_bytes ? a.inuse_bytes > b.inuse_bytes : a.bucket < b.bucket;
  });
  return 0;
}

// "in use: bytes [allocated: bytes]"
void WriteBareCounts(uint64_t inuse, uint64_t inuse_bytes, uint64_t allocated, uint64_t allocated_bytes,
                     TextStream* out) {
  out->UDec(inuse).Str(": ").UDec(inuse_bytes).Str(" [").UDec(allocated).Str(": ").UDec(allocated_bytes);
  out->Str("]");
}
void WriteCounts(uint64_t inuse, uint64_t inuse_bytes, uint64_t allocated, uint64_t allocated_bytes,
                 TextStream* out) {
  WriteBareCounts(inuse, inuse_bytes, allocated, allocated_bytes, out);
  out->Str(" @");
}

// "+4096 +8192 0 -512 [65536] @"
void WriteGrowth(const GrowthValues& growth, TextStream* out) {
  for (int level = 0; level < HeapGrowth::kLevels; ++level) {
    const int64_t value = growth.values[level];
    out->Str(value > 0   ? "+"
             : value < 0 ? "-"
                         : "")
        .UDec(static_cast<uint64_t>(value < 0 ? -value : value))
        .Str(" ");
  }
  out->Str("[").UDec(static_cast<uint64_t>(growth.values[2 * HeapGrowth::kLevels])).Str("] @");
}

uint64_t SaturatedSum(uint64_t a, uint64_t b) { return std::min<uint64_t>(a + b, INT64_MAX); }

void WriteHeader(const HeapSource& source, const Records& records, const TextStyle& style, TextStream* out) {
  uint64_t inuse = 0, inuse_bytes = 0, allocated = 0, allocated_bytes = 0;
  for (const Record& record : records) {
    inuse += record.counts.allocations - record.counts.frees;
    allocated += record.counts.allocations;
    inuse_bytes = SaturatedSum(inuse_bytes, record.inuse_bytes);
    uint64_t size = source.BucketAt(record.bucket)->size;
    allocated_bytes = SaturatedSum(allocated_bytes, SaturatedProduct(record.counts.allocations, size));
  }
  if (source.Growth() != nullptr) {
    out->Str("growth profile: bytes over 1m 10m 1h 1d [in use] @\n");
    return WriteGrowthLines(*source.Growth(), out);
  }
  if (source.Lifetimes() != nullptr) {
    out->Str("lifetimes profile: freed: bytes [live: bytes] @\n# ");
    out->Str(source.Lifetimes()->freed->started() ? "" : "not ").Str("collected\n");
    return WriteLifetimeLines(LostSamples(*source.Lifetimes()), out);
  }
  if (style.form == TextForm::kJemalloc) {
    out->Str("heap_v2/").UDec(records.interval()).Str("\n  t*: ");
    if (!style.accumulated) allocated = allocated_bytes = 0;
    WriteBareCounts(inuse, inuse_bytes, allocated, allocated_bytes, out);
    out->Str("\n");
    return;
  }
  out->Str("heap profile: ");
  WriteCounts(inuse, inuse_bytes, allocated, allocated_bytes, out);
  if (style.form == TextForm::kPeople) {
    out->Str(" heap/").UDec(2 * records.interval()).Str("\n");
  } else if (records.interval() <= 1) {
    out->Str(" heapprofile\n");
  } else {
    out->Str(" heap_v2/").UDec(records.interval()).Str("\n");
  }
}

// A record in a peer's form, which has no line for people.
void WritePeerRecord(const HeapSource& source, const Record& record, const TextStyle& style,
                     TextStream* out) {
  const Bucket& bucket = *source.BucketAt(record.bucket);
  const bool is_jemalloc = style.form == TextForm::kJemalloc;
  const uint64_t inuse = record.counts.allocations - record.counts.frees;
  uint64_t allocated = record.counts.allocations;
  if (is_jemalloc) {
    out->Str("@");
  } else {
    WriteCounts(inuse, record.inuse_bytes, allocated, SaturatedProduct(allocated, bucket.size), out);
  }
  if (bucket.stack == kOverflowStack) {
    out->Str(" ").Hex(kNoCode);
  } else {
    const StackView stack = source.StackAt(bucket.stack);
    for (uint32_t i = 0; i < stack.depth; i++) {
      out->Str(" ").Hex(source.ReturnAddress(stack.locations[i]));
    }
  }
  out->Str("\n");
  if (!is_jemalloc) return;
  if (!style.accumulated) allocated = 0;
  out->Str("  t*: ");
  WriteBareCounts(inuse, record.inuse_bytes, allocated, SaturatedProduct(allocated, bucket.size), out);
  out->Str("\n");
}

void WriteRecord(const HeapSource& source, const Record& record, const ModuleTable& modules,
                 const FrameSymbols& symbols, TextStream* out) {
  const Bucket& bucket = *source.BucketAt(record.bucket);
  if (source.Lifetimes() != nullptr) {
    WriteLifetimeSums(SamplesOf(*source.Lifetimes(), record.bucket, bucket), out);
  } else if (source.Growth() != nullptr) {
    WriteGrowth(ValuesOfGrowth(*source.Growth(), record.bucket, bucket), out);
  } else {
    WriteCounts(record.counts.allocations - record.counts.frees, record.inuse_bytes,
                record.counts.allocations, SaturatedProduct(record.counts.allocations, bucket.size), out);
  }
  const auto end_line = [&] {
    out->Str("\n");
    if (source.Lifetimes() != nullptr)
      WriteLifetimeLines(SamplesOf(*source.Lifetimes(), record.bucket, bucket), out);
  };
  if (bucket.stack == kOverflowStack) {
    out->Str(" ").Hex(kNoCode);
    end_line();
    out->Str("#\t").Hex(kNoCode).Str("\t").Str(kOverflowFrame).Str("\n\n");
    return;
  }
  StackView stack = source.StackAt(bucket.stack);
  for (uint32_t i = 0; i < stack.depth; i++) {
    out->Str(" ").Hex(source.ReturnAddress(stack.locations[i]));
  }
  end_line();
  for (uint32_t i = 0; i < stack.depth; i++) {
    WriteTextFrame(modules, symbols, source.ReturnAddress(stack.locations[i]), out);
  }
  if (stack.truncated) out->Str("#\t").Str(TruncatedFrame(stack.truncated)).Str("\n");
  out->Str("\n");
}

// Puts "# " before each line of what the allocator prints, in whatever pieces it comes.
struct CommentLines {
  TextStream* out;
  bool at_line_start = true;

  static void Write(void* self, const char* text) { static_cast<CommentLines*>(self)->Write(text); }
  void Write(const char* text) {
    while (*text != '\0') {
      const char* newline = strchr(text, '\n');
      size_t size = newline != nullptr ? static_cast<size_t>(newline - text) + 1 : strlen(text);
      if (at_line_start) out->Str("# ");
      out->Str(text, size);
      at_line_start = newline != nullptr;
      text += size;
    }
  }
};

void WriteStatistics(const HeapSource& source, bool in_handler, TextStream* out) {
  if (source.Peak() != nullptr) {
    constexpr int64_t kSecond = 1'000'000'000;
    Text<40> time;
    AppendUtc(source.Peak()->time_nanos / kSecond, &time);
    out->Str("# peak = ").Str(time.data()).Str("\n");
  }
  TableStats stats = source.Stats();
  out->Str("# samples = ").UDec(stats.samples).Str("\n# lost samples = ").UDec(stats.lost_samples);
  out->Str("\n# truncated stacks = ").UDec(stats.truncated_stacks);
  out->Str("\n# metadata bytes = ").UDec(stats.metadata_bytes).Str("\n");
  if (!in_handler && g_allocator_stats_printer != nullptr) {
    CommentLines lines{out};
    g_allocator_stats_printer(CommentLines::Write, &lines);
    if (!lines.at_line_start) out->Str("\n");
  }
  struct rusage usage = {};
  RawSyscall(SYS_getrusage, RUSAGE_SELF, reinterpret_cast<long>(&usage));
  out->Str("# MaxRSS = ").UDec(static_cast<uint64_t>(usage.ru_maxrss) * 1024).Str("\n");
}

// Copies a file; false if it held nothing.
bool CopyFile(const char* path, TextStream* out) {
  int fd = RawOpen(path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return false;
  char piece[2048];
  bool any = false;
  for (;;) {
    ssize_t got = RawRead(fd, piece, sizeof(piece));
    if (got == -EINTR) continue;
    if (got <= 0) break;
    any = true;
    out->Str(piece, static_cast<size_t>(got));
  }
  RawClose(fd);
  return any;
}

}  // namespace

void WriteMappings(TextStream* out) {
  if (!CopyFile("/proc/self/maps", out)) CopyFile("/proc/thread-self/maps", out);
}

int WriteMappedLibraries(TextStream* out) {
  out->Str("\nMAPPED_LIBRARIES:\n");
  WriteMappings(out);
  return out->Flush();
}

void WriteTextFrame(const ModuleTable& modules, const FrameSymbols& symbols, uint64_t return_address,
                    TextStream* out, bool exact) {
  const uint64_t address = return_address - (exact ? 1 : 0);
  out->Str("#\t").Hex(address);
  const FrameSymbols::Frame* frame = symbols.Find(return_address);
  if (frame != nullptr && frame->module != ModuleTable::kNone) {
    const Module& module = modules.at(frame->module);
    const char* path = module.path[0] != '\0' ? module.path : "[anonymous code]";
    if (frame->start != 0) {
      out->Str("\t").Str(symbols.Name(*frame)).Str("+").Hex(address - frame->start);
      out->Str("\t").Str(path);
    } else {
      out->Str("\t").Str(path).Str("+").Hex(address - module.start + module.file_offset);
    }
  }
  out->Str("\n");
}

AllocatorStatsPrinter g_allocator_stats_printer = nullptr;

int WriteHeapTextFrom(const HeapSource& source, ByteSink* sink, HeapTextWorkspace* workspace,
                      const TextStyle& style) {
  TextStream out(sink, workspace->text);
  Records records;
  if (int error = records.Collect(source, style)) return error;
  if (style.form != TextForm::kPeople) {
    WriteHeader(source, records, style, &out);
    for (const Record& record : records) {
      if (out.error() != 0) break;
      WritePeerRecord(source, record, style, &out);
    }
    return WriteMappedLibraries(&out);
  }
  ModuleTable modules(&workspace->modules);
  modules.Read();
  // Locations last, as in the proto form: those of every record are then among them.
  FrameSymbols symbols;
  if (int error = symbols.Resolve(
          modules, [&](uint32_t id) { return source.ReturnAddress(id); }, source.LocationCount(),
          workspace->scratch)) {
    return error;
  }
  WriteHeader(source, records, style, &out);
  for (const Record& record : records) {
    if (out.error() != 0) break;
    WriteRecord(source, record, modules, symbols, &out);
  }
  WriteStatistics(source, style.in_handler, &out);
  return WriteMappedLibraries(&out);
}

}  // namespace heapprof
