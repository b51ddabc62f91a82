// SPDX-License-Identifier: Apache-2.0
// What gperftools' variables say, for its two profilers.
//
// Thread-safety: called once each, at the start, and around fork. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_PEERS_GPERFTOOLS_SETTINGS_H_
#define HEAPPROF_PROFILES_PEERS_GPERFTOOLS_SETTINGS_H_

#include <stdint.h>

namespace heapprof::gperftools {

// 0: off.
struct HeapSettings {
  uint64_t allocation_interval = 0, inuse_interval = 0;  // bytes
  uint64_t time_interval = 0;                            // seconds
  int signal = 0;
  const char* prefix = "";  // "": not from the start
};
void ConfigureHeap(const HeapSettings& settings);
void InstallHeap();
void HeapAfterForkInChild();

struct CpuSettings {
  int hz;
  int signal;        // 0: from the start
  const char* path;  // "": only by a call
};
void ConfigureCpu(const CpuSettings& settings);
void InstallCpu();
void CpuAfterForkInChild();

}  // namespace heapprof::gperftools

#endif  // HEAPPROF_PROFILES_PEERS_GPERFTOOLS_SETTINGS_H_
