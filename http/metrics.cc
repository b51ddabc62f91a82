// SPDX-License-Identifier: Apache-2.0
// /metrics: what the process, its allocator and the profiler have, in the text of OpenMetrics 1.0. The names
// are for good (docs/http.md): dashboards know them.
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <new>

#include "base/system/raw_syscall.h"
#include "heapprof/heapprof.h"
#include "http/pages.h"
#include "profiles/dump.h"
#include "profiles/memory/memory_report.h"
#include "profiles/write/heap_source.h"
#include "profiles/write/process_start.h"
#include "sampling/contention/contention.h"
#include "sampling/cpu/cpu_sampler.h"
#include "sampling/recorder.h"

namespace heapprof::http {
namespace {

constexpr char kOpenMetrics[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";
constexpr uint64_t kNanosPerSecond = 1'000'000'000, kMicrosPerSecond = 1'000'000;

enum class Kind { kGauge, kCounter, kInfo };

const char* NameOf(Kind kind) {
  return kind == Kind::kGauge ? "gauge" : kind == Kind::kCounter ? "counter" : "info";
}

class Writer {
 public:
  explicit Writer(Answer* answer) : answer_(answer) {}

  void Family(const char* name, Kind kind, const char* unit, const char* help) {
    answer_->Str("# TYPE ").Str(name).Str(" ").Str(NameOf(kind)).Str("\n");
    if (*unit != '\0') answer_->Str("# UNIT ").Str(name).Str(" ").Str(unit).Str("\n");
    answer_->Str("# HELP ").Str(name).Str(" ").Str(help).Str("\n");
  }
  void Gauge(const char* name, const char* unit, const char* help, uint64_t value) {
    Family(name, Kind::kGauge, unit, help);
    answer_->Str(name).Str(" ").UDec(value).Str("\n");
  }
  void Counter(const char* name, const char* unit, const char* help, uint64_t value) {
    Family(name, Kind::kCounter, unit, help);
    answer_->Str(name).Str("_total ").UDec(value).Str("\n");
  }
  // `scale` is a power of ten: digits behind the point.
  Writer& Fraction(uint64_t value, uint64_t scale) {
    answer_->UDec(value / scale).Str(".");
    for (uint64_t digit = scale / 10; digit > 0; digit /= 10) answer_->UDec(value / digit % 10);
    return *this;
  }
  Answer& out() { return *answer_; }

 private:
  Answer* answer_;
};

void WriteProcess(Writer* writer) {
  ProcessMemory memory = {};
  if (ReadProcessMemory(&memory)) {
    writer->Gauge("process_resident_memory_bytes", "bytes", "Resident memory of the process.",
                  memory.resident);
    writer->Gauge("process_virtual_memory_bytes", "bytes", "Address space of the process.", memory.size);
    writer->Gauge("process_swapped_memory_bytes", "bytes", "Memory of the process that is swapped out.",
                  memory.swapped);
  }
  rusage usage = {};
  RawSyscall(SYS_getrusage, RUSAGE_SELF, reinterpret_cast<long>(&usage));
  auto micros = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * kMicrosPerSecond + static_cast<uint64_t>(time.tv_usec);
  };
  writer->Family("process_cpu_seconds", Kind::kCounter, "seconds", "CPU time of the process.");
  writer->out().Str("process_cpu_seconds_total ");
  writer->Fraction(micros(usage.ru_utime) + micros(usage.ru_stime), kMicrosPerSecond).out().Str("\n");
  const int64_t start = ProcessStartSeconds();
  if (start > 0) {
    writer->Gauge("process_start_time_seconds", "seconds", "When the process began, since the epoch.",
                  static_cast<uint64_t>(start));
  }
  writer->Gauge("process_threads", "", "Threads of the program.",
                ProfileCount(*ProcessProfiles().Lookup("threads")));
}

void WriteHeap(Writer* writer) {
  HeapEstimate sum = {};
  const RecorderTables tables;
  for (uint32_t id = 1; id <= tables.BucketCount(); ++id) {
    const Bucket* bucket = tables.BucketAt(id);
    if (bucket == nullptr) continue;
    const HeapEstimate e =
        Estimate(ReadCounts(*bucket), bucket->size, bucket->interval, RoundingOffset(bucket->key_hash));
    sum.alloc_objects += e.alloc_objects;
    sum.alloc_bytes += e.alloc_bytes;
    sum.inuse_objects += e.inuse_objects;
    sum.inuse_bytes += e.inuse_bytes;
  }
  auto value = [](int64_t number) { return static_cast<uint64_t>(number); };
  writer->Counter("heapprof_allocated_bytes", "bytes", "Bytes ever allocated, by estimate.",
                  value(sum.alloc_bytes));
  writer->Counter("heapprof_allocated_objects", "", "Blocks ever allocated, by estimate.",
                  value(sum.alloc_objects));
  writer->Gauge("heapprof_inuse_bytes", "bytes", "Bytes in use, by estimate.", value(sum.inuse_bytes));
  writer->Gauge("heapprof_inuse_objects", "", "Blocks in use, by estimate.", value(sum.inuse_objects));
  writer->Gauge("heapprof_peak_inuse_bytes", "bytes", "Bytes in use when those were most, by estimate.",
                value(PeakOfHeap().HighestBytes()));
}

// A cause without its brackets, and what it has in the heap as a second word.
void WriteCause(const char* name, const char* part, const char* cause, uint64_t bytes, Writer* writer) {
  auto bare = [writer](const char* text) {
    for (const char* at = text; *at != '\0'; ++at) {
      if (*at != '[' && *at != ']') writer->out().Str(at, 1);
    }
  };
  writer->out().Str(name).Str("{cause=\"");
  bare(cause);
  if (part != nullptr) writer->out().Str("\",part=\""), bare(part);
  writer->out().Str("\"} ").UDec(bytes).Str("\n");
}

struct CauseSum {
  const char* cause;
  const char* part;  // nullptr: of those that are not told apart
  uint64_t resident, mapped;
};

void WriteCauses(const MemoryReport& report, Writer* writer) {
  using namespace cause;  // NOLINT(google-build-using-namespace): the names of a table
  CauseSum sums[] = {{kHeap, kLive, 0, 0},          {kHeap, kRounding, 0, 0}, {kHeap, kSlabs, 0, 0},
                     {kHeap, kCaches, 0, 0},        {kHeap, kDirty, 0, 0},    {kHeap, kAllocator, 0, 0},
                     {kMapped, nullptr, 0, 0},      {kStacks, nullptr, 0, 0}, {kThreadLocal, nullptr, 0, 0},
                     {kFiles, nullptr, 0, 0},       {kShared, nullptr, 0, 0}, {kOwn, nullptr, 0, 0},
                     {kNotExplained, nullptr, 0, 0}};
  auto add = [&sums](const char* cause, const char* part, uint64_t resident, uint64_t mapped) {
    for (CauseSum& sum : sums) {
      if (strcmp(sum.cause, cause) != 0 || (sum.part != nullptr && strcmp(sum.part, part) != 0)) continue;
      sum.resident += resident;
      sum.mapped += mapped;
      return;
    }
  };
  const MemoryRows& rows = report.rows();
  for (uint32_t i = 0; i < rows.count(); ++i) {
    const MemoryRow& row = rows.at(i);
    add(row.names[0] != 0 ? rows.NameAt(row.names[0]) : "",
        row.names[1] != 0 ? rows.NameAt(row.names[1]) : "", row.resident, row.mapped);
  }
  for (uint32_t id = 1; id <= report.shares().count(); ++id) {
    const MemoryShare& share = report.shares().At(id);
    add(kHeap, kLive, static_cast<uint64_t>(share.live.resident), static_cast<uint64_t>(share.live.mapped));
    add(kHeap, kRounding, static_cast<uint64_t>(share.rounding.resident),
        static_cast<uint64_t>(share.rounding.mapped));
  }
  writer->Family("heapprof_resident_bytes", Kind::kGauge, "bytes",
                 "Resident memory by cause; the sum is that of the process.");
  for (const CauseSum& sum : sums) {
    WriteCause("heapprof_resident_bytes", sum.part, sum.cause, sum.resident, writer);
  }
  writer->Family("heapprof_mapped_bytes", Kind::kGauge, "bytes", "Mapped memory by cause.");
  for (const CauseSum& sum : sums) {
    WriteCause("heapprof_mapped_bytes", sum.part, sum.cause, sum.mapped, writer);
  }
}

void WriteMemory(Writer* writer) {
  void* const memory = RawMap(sizeof(MemoryReport));
  if (memory == nullptr) return;
  auto* report = new (memory) MemoryReport;
  if (report->Collect(RecorderTables()) == 0) WriteCauses(*report, writer);
  report->~MemoryReport();
  RawUnmap(memory, sizeof(MemoryReport));
}

void WriteProfiler(Writer* writer) {
  const TableStats tables = GetTableStats();
  const DumpStats dumps = GetDumpStats();
  const cpu::CpuStats cpu = cpu::GetCpuStats();
  writer->Gauge("heapprof_sample_interval_bytes", "bytes", "Mean bytes between samples; 0 is off.",
                recorder::Interval());
  writer->Family("heapprof_contention_interval_seconds", Kind::kGauge, "seconds",
                 "Mean time of waiting between samples of block and mutex; 0 is off.");
  writer->out().Str("heapprof_contention_interval_seconds ");
  writer->Fraction(contention::Interval(), kNanosPerSecond).out().Str("\n");
  writer->Counter("heapprof_samples", "", "Allocations recorded.", tables.samples);
  writer->Counter("heapprof_lost_samples", "", "Recorded in totals, but under no stack.",
                  tables.lost_samples);
  writer->Counter("heapprof_truncated_stacks", "", "Samples whose stack could not be walked to its end.",
                  tables.truncated_stacks);
  writer->Gauge("heapprof_live_samples", "", "Recorded and not yet freed.", tables.live_samples);
  writer->Gauge("heapprof_buckets", "", "Distinct stacks with sizes and labels.", tables.buckets);
  writer->Gauge("heapprof_stacks", "", "Distinct stacks.", tables.stacks);
  writer->Gauge("heapprof_metadata_bytes", "bytes", "Memory of the profiler's tables, as mapped.",
                tables.metadata_bytes);
  writer->Counter("heapprof_cpu_samples", "", "Ticks recorded in CPU profiles that have ended.", cpu.samples);
  writer->Counter("heapprof_lost_cpu_samples", "", "Periods of these that found no room.", cpu.lost);
  writer->Counter("heapprof_profiles_written", "", "Profiles written.", dumps.dumps);
  writer->Counter("heapprof_failed_profiles", "", "Profiles that could not be written.", dumps.failed_dumps);
}

}  // namespace

void WriteMetrics(Answer* answer) {
  answer->Begin(kOk, kOpenMetrics);
  answer->AddField("X-Content-Type-Options", "nosniff");
  Writer writer(answer);
  writer.Family("heapprof", Kind::kInfo, "", "The library in the process.");
  answer->Str("heapprof_info{version=\"" HEAPPROF_VERSION "\"} 1\n");
  WriteProcess(&writer);
  WriteHeap(&writer);
  WriteMemory(&writer);
  WriteProfiler(&writer);
  answer->Str("# EOF\n");
}

}  // namespace heapprof::http
