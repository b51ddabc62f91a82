// SPDX-License-Identifier: Apache-2.0
// What a CPU profile costs a loop: the same work without, with and without a profile, in one process.
//
//     bench_cpu_profile PROFILER HZ ROUNDS FILE
// PROFILER: heapprof or gperftools, which is preloaded, or none. FILE gets the profiles. Writes, for each
// round, the CPU time with a profile as a multiple of the mean of those before and after it.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

constexpr size_t kWords = (256 << 10) / sizeof(uint64_t);
constexpr int kDepth = 18;
constexpr double kSeconds = 0.1;

uint64_t g_words[kWords];
volatile uint64_t g_sum;

// Not the process' CPU clock: while a timer of gperftools' kind runs, the kernel tells that up to a tick
// late.
double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

__attribute__((noinline)) void Work(int depth, long passes) {
  if (depth > 0) {
    Work(depth - 1, passes);
    asm volatile("");  // no tail call
    return;
  }
  uint64_t sum = 0;
  for (long pass = 0; pass < passes; ++pass) {
    for (uint64_t word : g_words) sum = sum * 31 + word;
  }
  g_sum = sum;
}

double TimeOf(long passes) {
  const double begin = CpuSeconds();
  Work(kDepth, passes);
  return CpuSeconds() - begin;
}

struct Profiler {
  int (*start)(int fd, int hz) = nullptr;
  int (*stop)() = nullptr;
  int (*start_to)(const char* path) = nullptr;
  void (*stop_it)() = nullptr;
  const char* path;
  int fd, hz;

  bool Find(const char* name) {
    if (strcmp(name, "none") == 0) return true;
    if (strcmp(name, "heapprof") == 0) {
      start = reinterpret_cast<int (*)(int, int)>(dlsym(RTLD_DEFAULT, "heapprof_start_cpu_profile"));
      stop = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "heapprof_stop_cpu_profile"));
      return start != nullptr && stop != nullptr;
    }
    start_to = reinterpret_cast<int (*)(const char*)>(dlsym(RTLD_DEFAULT, "ProfilerStart"));
    stop_it = reinterpret_cast<void (*)()>(dlsym(RTLD_DEFAULT, "ProfilerStop"));
    return start_to != nullptr && stop_it != nullptr;
  }
  bool Start() const {
    if (start != nullptr) return ftruncate(fd, 0) == 0 && start(fd, hz) == 0;
    return start_to == nullptr || start_to(path) != 0;
  }
  void Stop() const {
    if (stop != nullptr) stop();
    if (stop_it != nullptr) stop_it();
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return fprintf(stderr, "usage: bench_cpu_profile PROFILER HZ ROUNDS FILE\n"), 2;
  Profiler profiler;
  if (!profiler.Find(argv[1])) return fprintf(stderr, "%s is not preloaded\n", argv[1]), 2;
  profiler.hz = atoi(argv[2]);
  profiler.path = argv[4];
  profiler.fd = open(argv[4], O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
  if (profiler.fd < 0) return perror(argv[4]), 2;
  long passes = 100;
  TimeOf(passes);
  passes = static_cast<long>(kSeconds / TimeOf(passes) * static_cast<double>(passes));
  double before = TimeOf(passes);
  for (int round = atoi(argv[3]); round > 0; --round) {
    if (!profiler.Start()) return fprintf(stderr, "no profile could be started\n"), 1;
    const double with = TimeOf(passes);
    profiler.Stop();
    const double after = TimeOf(passes);
    printf("%.4f\n", with / ((before + after) / 2));
    before = after;
  }
  return 0;
}
