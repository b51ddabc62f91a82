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

// Uses the calling thread's CPU until it has used `nanos` more.
__attribute__((always_inline)) inline void BurnFor(int64_t nanos) {
  for (const int64_t end = ThreadNanos() + nanos; ThreadNanos() < end;) Spin();
}

inline int OpenNew(const char* path) {
  const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  return fd;
}

#endif  // HEAPPROF_TESTS_SYSTEM_CPU_LOAD_H_
