// SPDX-License-Identifier: Apache-2.0
// CPU load of known amounts, for programs that are profiled.
#ifndef HEAPPROF_TESTS_SYSTEM_CPU_LOAD_H_
#define HEAPPROF_TESTS_SYSTEM_CPU_LOAD_H_

#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/system/programs/program.h"

extern "C" {
extern __typeof__(heapprof_start_cpu_profile) heapprof_start_cpu_profile __attribute__((weak));
extern __typeof__(heapprof_stop_cpu_profile) heapprof_stop_cpu_profile __attribute__((weak));
extern __typeof__(heapprof_labels_set) heapprof_labels_set __attribute__((weak));
extern __typeof__(heapprof_labels_get) heapprof_labels_get __attribute__((weak));
}

inline int64_t Nanos(clockid_t clock) {
  timespec now;
  CHECK(clock_gettime(clock, &now) == 0);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
inline int64_t ThreadNanos() { return Nanos(CLOCK_THREAD_CPUTIME_ID); }

inline int64_t UsageNanos() {
  rusage usage;
  CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
  const auto nanos = [](const timeval& t) { return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_usec * 1000; };
  return nanos(usage.ru_utime) + nanos(usage.ru_stime);
}

// Some microseconds of arithmetic, in the caller's own code.
__attribute__((always_inline)) inline void Spin() {
  for (volatile int i = 0; i < 2000; i = i + 1) {
  }
}

// Nanoseconds of CPU time that one Spin takes, about.
inline int64_t SpinNanos() {
  static const int64_t nanos = [] {
    constexpr int kSpins = 64;
    int64_t least = INT64_MAX;
    for (int round = 0; round < 3; ++round) {
      const int64_t begin = ThreadNanos();
      for (int i = 0; i < kSpins; ++i) Spin();
      const int64_t taken = (ThreadNanos() - begin) / kSpins;
      if (taken < least) least = taken;
    }
    return least > 0 ? least : 1;
  }();
  return nanos;
}

// Uses the calling thread's CPU until it has used `nanos` more. It asks its clock only a few times: to ask
// makes the kernel see that the thread has had its turn, and end it there, between two ticks. Threads that
// ask all the time are hardly ever found by a tick, which no other program is like.
__attribute__((always_inline)) inline void BurnFor(int64_t nanos) {
  for (int64_t end = ThreadNanos() + nanos, left = nanos; left > 0; left = end - ThreadNanos()) {
    for (int64_t spins = left * 7 / 8 / SpinNanos(); spins >= 0; --spins) Spin();
  }
}

inline int OpenNew(const char* path) {
  const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  return fd;
}

#endif  // HEAPPROF_TESTS_SYSTEM_CPU_LOAD_H_
