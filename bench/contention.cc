// SPDX-License-Identifier: Apache-2.0
// Threads that do nothing but fight for one mutex: what the profiles of waits cost where waits are all there
// is (bench/contention.py).
//
//     bench_contention THREADS STEPS PAIRS
// locks and unlocks PAIRS times in all, with STEPS steps of work under the lock, and prints what that took in
// seconds, the CPU time of it, and how often threads slept.
//     bench_contention
// prints the least time of a step in nanoseconds.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <vector>

namespace {

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
long g_steps, g_left;
uint64_t g_state = 1;

// Each step needs the one before.
inline uint64_t Work(uint64_t state, long steps) {
  for (long i = 0; i < steps; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    asm volatile("" : "+r"(state));
  }
  return state;
}

double Seconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void* Fight(void*) {
  for (bool going = true; going;) {
    pthread_mutex_lock(&g_mutex);
    g_state = Work(g_state, g_steps);
    going = --g_left > 0;
    pthread_mutex_unlock(&g_mutex);
  }
  return nullptr;
}

double LeastNanosOfAStep() {
  constexpr long kSteps = 100'000;
  double least = 1;
  for (int i = 0; i < 200; ++i) {
    const double begin = Seconds(CLOCK_MONOTONIC);
    g_state = Work(g_state, kSteps);
    const double seconds = Seconds(CLOCK_MONOTONIC) - begin;
    if (seconds < least) least = seconds;
  }
  return least * 1e9 / kSteps;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return printf("%.4f\n", LeastNanosOfAStep()), 0;
  std::vector<pthread_t> threads(strtoul(argv[1], nullptr, 10));
  g_steps = strtol(argv[2], nullptr, 10);
  g_left = strtol(argv[3], nullptr, 10);
  const double begin = Seconds(CLOCK_MONOTONIC);
  for (pthread_t& thread : threads) {
    if (pthread_create(&thread, nullptr, Fight, nullptr) != 0) return 1;
  }
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  const double end = Seconds(CLOCK_MONOTONIC);
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("%.6f %.6f %ld\n", end - begin, Seconds(CLOCK_PROCESS_CPUTIME_ID), usage.ru_nvcsw);
}
