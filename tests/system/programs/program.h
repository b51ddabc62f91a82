// SPDX-License-Identifier: Apache-2.0
// What the hazard programs share: checks that end the program, and weak declarations of the library's
// functions.
//
// A program runs without the library too (the driver does so once, to know that a failure is ours). It prints
// "OK" as its last word. Exit status 99: a check failed, and the line on stderr says which.
#ifndef HEAPPROF_TESTS_SYSTEM_PROGRAMS_PROGRAM_H_
#define HEAPPROF_TESTS_SYSTEM_PROGRAMS_PROGRAM_H_

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heapprof/heapprof.h"

#ifdef __cplusplus
extern "C" {
#endif
extern __typeof__(heapprof_dump_heap) heapprof_dump_heap __attribute__((weak));
extern __typeof__(heapprof_write_profile) heapprof_write_profile __attribute__((weak));
extern __typeof__(heapprof_stats) heapprof_stats __attribute__((weak));
extern __typeof__(heapprof_set_sample_interval) heapprof_set_sample_interval __attribute__((weak));
extern __typeof__(heapprof_sample_interval) heapprof_sample_interval __attribute__((weak));
#ifdef __cplusplus
}
#endif

// Writes without the heap and without stdio's locks: usable in children of fork and in handlers.
#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      const int check_errno_ = errno;                                           \
      static const char kText[] = __FILE__ ": failed: " #condition "\n";        \
      if (write(2, kText, sizeof kText - 1) < 0 || check_errno_ < 0) _exit(98); \
      _exit(99);                                                                \
    }                                                                           \
  } while (0)

#define NOINLINE __attribute__((noinline))

static inline int HasLibrary(void) { return heapprof_dump_heap != NULL; }

// A dump to the next file of the pattern; nothing without the library.
static inline void Dump(void) {
  if (HasLibrary()) CHECK(heapprof_dump_heap(NULL) == 0);
}
static inline void DumpBySignal(void) {
  if (HasLibrary()) CHECK(raise(SIGUSR2) == 0);
}

static inline struct heapprof_stats Stats(void) {
  struct heapprof_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.size = sizeof stats;
  if (HasLibrary()) CHECK(heapprof_stats(&stats) == 0);
  return stats;
}

static inline void Finish(void) {
  printf("OK\n");
  fflush(stdout);
}

#endif  // HEAPPROF_TESTS_SYSTEM_PROGRAMS_PROGRAM_H_
