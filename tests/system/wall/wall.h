// SPDX-License-Identifier: Apache-2.0
// What the programs of this folder share: the library's calls, if it is there, and real time.
#ifndef HEAPPROF_TESTS_SYSTEM_WALL_WALL_H_
#define HEAPPROF_TESTS_SYSTEM_WALL_WALL_H_

#include "tests/system/cpu/load.h"

extern "C" {
extern __typeof__(heapprof_start_wall_profile) heapprof_start_wall_profile __attribute__((weak));
extern __typeof__(heapprof_stop_wall_profile) heapprof_stop_wall_profile __attribute__((weak));
}

inline int64_t RealNanos() { return Nanos(CLOCK_MONOTONIC); }

// Begins a profile that is kept in `name`; nothing without the library.
inline void StartWall(const char* name, int hz) {
  if (heapprof_start_wall_profile == nullptr) return;
  const int fd = OpenNew(name);
  CHECK(heapprof_start_wall_profile(fd, hz) == 0);
}
inline void StopWall() {
  if (heapprof_stop_wall_profile != nullptr) CHECK(heapprof_stop_wall_profile() == 0);
}

#endif  // HEAPPROF_TESTS_SYSTEM_WALL_WALL_H_
