// SPDX-License-Identifier: Apache-2.0
// What gperftools' profilers do, done by heapprof, for the variables that a program is started with and for
// the functions of gperftools/heap-profiler.h and gperftools/profiler.h (alloc/peers has them).
//
// Thread-safety: yes, but for Configure and Install, which are called once each. Signal-safety: DumpHeap and
// what starts and stops a CPU profile; the rest not. Allocates: never.
#ifndef HEAPPROF_PROFILES_PEERS_GPERFTOOLS_H_
#define HEAPPROF_PROFILES_PEERS_GPERFTOOLS_H_

#include <stddef.h>
#include <stdint.h>

#include "proto/byte_sink.h"

namespace heapprof::gperftools {

// Values of the environment, or nullptr. A path is marked in the environment itself, by the high bit of its
// first byte, as gperftools does it: who is started with a marked one has its pid in the names of its files.
struct Variables {
  char* heapprofile;
  const char *allocation_interval, *inuse_interval, *time_interval, *heap_signal;
  const char* sample_parameter;
  char* cpuprofile;
  const char *frequency, *cpu_signal, *realtime;
};

// Before the recorder starts.
void Configure(const Variables& variables);
// When libc can be called. `has_own_cpu_profiler`: the program has gperftools' own, which CPUPROFILE is left
// to.
void Install(bool has_own_cpu_profiler);
bool WantsCpuProfile();

// The heap profiler. Files are PREFIX.0001.heap and so on; what was allocated before it was started is not in
// them. `reason` is for people.
void StartHeap(const char* prefix);
void StopHeap();
bool HeapIsOn();
void DumpHeap(const char* reason);
// 0 or -errno; nothing is written where it is not on.
int WriteHeap(ByteSink* sink);

// The CPU profiler, whose file is in gperftools' format. False: it runs already, or the path cannot be
// written.
bool StartCpu(const char* path);
void StopCpu();
struct CpuState {
  bool enabled;
  int64_t start;  // seconds since the epoch
  const char* path;
};
CpuState StateOfCpu();

void LookAtTriggers(size_t size, uint64_t interval);
void AfterForkInChild();

}  // namespace heapprof::gperftools

#endif  // HEAPPROF_PROFILES_PEERS_GPERFTOOLS_H_
