// SPDX-License-Identifier: Apache-2.0
// How long a dump of 100,000 buckets takes, and how much memory it touches.
//
// Preloaded with libheapprof at sample_interval=1, or with jemalloc's profiler at lg_prof_sample:0, the
// program allocates one block under each of 100,000 stacks of 20 frames or more (each a different path
// through two call sites, 17 times), keeps them, and dumps to the file named by argv[1]. Prints: seconds, KiB
// of memory newly touched (page faults times the page size), buckets (0 for jemalloc).
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <vector>

#include "heapprof/heapprof.h"

extern "C" {
int __attribute__((weak)) heapprof_dump_heap(const char* path);
int __attribute__((weak)) heapprof_stats(struct heapprof_stats* stats);
int __attribute__((weak)) mallctl(const char* name, void* old, size_t* old_size, void* set, size_t set_size);
}

namespace {

constexpr unsigned kStacks = 100000;
constexpr int kDepth = 20;

// The bits of `path` choose between two return addresses at each level; `sum` keeps the calls from becoming
// jumps.
__attribute__((noinline)) int Descend(unsigned path, int depth, void** block) {
  if (depth == 0) {
    *block = malloc(32);
    return *block != nullptr;
  }
  int sum;
  if (path & 1) {
    sum = Descend(path >> 1, depth - 1, block) + 1;
    asm volatile("" : "+r"(sum));
  } else {
    sum = Descend(path >> 1, depth - 1, block) + 2;
    asm volatile("nop" : "+r"(sum));
  }
  return sum;
}

double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

long Faults() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return fprintf(stderr, "usage: bench_dump FILE\n"), 2;
  std::vector<void*> blocks(kStacks);
  for (unsigned i = 0; i < kStacks; ++i) {
    if (Descend(i, kDepth, &blocks[i]) == 0) return 1;
  }
  const long faults = Faults();
  const double begin = Now();
  int status = -1;
  if (heapprof_dump_heap != nullptr) {
    status = heapprof_dump_heap(argv[1]);
  } else if (mallctl != nullptr) {
    const char* path = argv[1];
    status = mallctl("prof.dump", nullptr, nullptr, &path, sizeof(path));
  }
  const double seconds = Now() - begin;
  const long touched = (Faults() - faults) * 4;
  if (status != 0) return fprintf(stderr, "bench_dump: dump failed: %d\n", status), 1;
  struct heapprof_stats stats = {};
  stats.size = sizeof(stats);
  if (heapprof_stats != nullptr) heapprof_stats(&stats);
  printf("%.4f %ld %llu\n", seconds, touched, static_cast<unsigned long long>(stats.buckets));
  return 0;
}
