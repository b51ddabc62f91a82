// SPDX-License-Identifier: Apache-2.0
#include "profiles/peers/gperftools_settings.h"

#include "base/limits.h"
#include "base/options.h"
#include "base/size_text.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/peers/gperftools.h"

namespace heapprof::gperftools {
namespace {

constexpr unsigned char kMark = 0x80;

// The program may write over its environment.
char g_heap_path[kPathCapacity], g_cpu_path[kPathCapacity];
char* g_cpu_value = nullptr;  // in the environment
CpuSettings g_cpu;

void TakePath(char* value, char (&path)[kPathCapacity]) {
  if (value == nullptr || *value == '\0') return;
  const auto first = static_cast<unsigned char>(*value);
  TextWriter text(path, sizeof(path));
  text.Char(static_cast<char>(first & ~kMark)).Str(value + 1);
  if ((first & kMark) != 0) text.Char('_').UDec(static_cast<uint64_t>(RawGetPid()));
  *value = static_cast<char>(first | kMark);
}

// A number in the variable `name`. What is none leaves *value alone, and has a line.
void TakeNumber(const char* name, const char* text, uint64_t max, uint64_t* value) {
  if (text == nullptr) return;
  size_t size = 0;
  while (text[size] >= '0' && text[size] <= '9') ++size;
  uint64_t number;
  if (text[size] == '\0' && ReadSize(text, size, max, &number)) {
    *value = number;
    return;
  }
  Text<512> line;
  Say(line.Str(name).Str("=").Str(text).Str(" is ignored: it is no number from 0 to ").UDec(max));
}

}  // namespace

void Configure(const Variables& variables) {
  constexpr uint64_t kMaxBytes = uint64_t{1} << 47, kMaxSeconds = 366 * 24 * 3600, kLastSignal = 64;
  HeapSettings heap;
  heap.allocation_interval = 1 << 30;
  heap.inuse_interval = 100 << 20;
  uint64_t signal = 0, sample = 0;
  TakeNumber("HEAP_PROFILE_ALLOCATION_INTERVAL", variables.allocation_interval, kMaxBytes,
             &heap.allocation_interval);
  TakeNumber("HEAP_PROFILE_INUSE_INTERVAL", variables.inuse_interval, kMaxBytes, &heap.inuse_interval);
  TakeNumber("HEAP_PROFILE_TIME_INTERVAL", variables.time_interval, kMaxSeconds, &heap.time_interval);
  TakeNumber("HEAPPROFILESIGNAL", variables.heap_signal, kLastSignal, &signal);
  TakeNumber("TCMALLOC_SAMPLE_PARAMETER", variables.sample_parameter, kMaxBytes, &sample);
  if (sample != 0) DefaultSampleInterval(sample);
  TakePath(variables.heapprofile, g_heap_path);
  heap.signal = static_cast<int>(signal);
  heap.prefix = g_heap_path;
  ConfigureHeap(heap);

  constexpr uint64_t kDefaultHz = 100;
  uint64_t hz = kDefaultHz, cpu_signal = 0;
  TakeNumber("CPUPROFILE_FREQUENCY", variables.frequency, kMaxCpuHz, &hz);
  TakeNumber("CPUPROFILESIGNAL", variables.cpu_signal, kLastSignal, &cpu_signal);
  if (hz < kMinCpuHz) hz = kDefaultHz;
  if (variables.cpuprofile != nullptr && variables.realtime != nullptr) {
    Say("CPUPROFILE_REALTIME is ignored: heapprof run --wall makes profiles of real time");
  }
  g_cpu_value = variables.cpuprofile;
  g_cpu = {static_cast<int>(hz), static_cast<int>(cpu_signal), g_cpu_path};
}

bool WantsCpuProfile() { return g_cpu_value != nullptr; }

void Install(bool has_own_cpu_profiler) {
  InstallHeap();
  // Whose it is is known only now, and the mark is for whoever comes after.
  if (!has_own_cpu_profiler) TakePath(g_cpu_value, g_cpu_path);
  ConfigureCpu(g_cpu);
  if (g_cpu_path[0] != '\0') InstallCpu();
}

void AfterForkInChild() {
  HeapAfterForkInChild();
  CpuAfterForkInChild();
}

}  // namespace heapprof::gperftools
