// SPDX-License-Identifier: Apache-2.0
// Time as the programs of this folder spend and name it, and sleepers.
#ifndef HEAPPROF_TESTS_SYSTEM_WAITS_TIMES_H_
#define HEAPPROF_TESTS_SYSTEM_WAITS_TIMES_H_

#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include <string>

#include "tests/system/programs/program.h"

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

// Until the thread sleeps, as it does in what it is about to wait in.
inline void AwaitSleep(pid_t thread) {
  const std::string file = "/proc/self/task/" + std::to_string(thread) + "/stat";
  for (;;) {
    FILE* stat = fopen(file.c_str(), "r");
    char state = '?';
    CHECK(stat != nullptr && fscanf(stat, "%*d %*[^)]) %c", &state) == 1 && fclose(stat) == 0);
    if (state == 'S') return;
    Pause(1);
  }
}

#endif  // HEAPPROF_TESTS_SYSTEM_WAITS_TIMES_H_
