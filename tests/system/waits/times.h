// SPDX-License-Identifier: Apache-2.0
// Time as the programs of this folder spend and name it.
#ifndef HEAPPROF_TESTS_SYSTEM_WAITS_TIMES_H_
#define HEAPPROF_TESTS_SYSTEM_WAITS_TIMES_H_

#include <time.h>

inline void Pause(int milliseconds) {
  timespec time = {0, milliseconds * 1'000'000L};
  while (nanosleep(&time, &time) != 0) {
  }
}

inline timespec In(clockid_t clock, int milliseconds) {
  timespec time;
  clock_gettime(clock, &time);
  time.tv_nsec += milliseconds * 1'000'000L;
  time.tv_sec += time.tv_nsec / 1'000'000'000;
  time.tv_nsec %= 1'000'000'000;
  return time;
}

#endif  // HEAPPROF_TESTS_SYSTEM_WAITS_TIMES_H_
