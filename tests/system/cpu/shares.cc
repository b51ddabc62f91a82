// SPDX-License-Identifier: Apache-2.0
// Threads and functions with known shares of CPU time, under a CPU profile.
// Each prints the CPU time of the process by getrusage, in nanoseconds, as "all".
//   shares FILE HZ MILLISECONDS     prints what each function used too, by its thread's clock
//   births FILE HZ THREADS          threads that live for one, three and six milliseconds of CPU time, in
//   turn;
//                                   prints what those of each start function used
//   labels FILE HZ MILLISECONDS     two labels, each with half of the time; a thread inherits
//   busy FILE HZ MILLISECONDS       eight threads on one processor, each for so long, and each with a label
//   thread=0 to 7
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/cpu/load.h"

namespace {

// What Light has used in all threads.
std::atomic<int64_t> g_light{0};

NOINLINE void Light(int64_t spins) {
  for (; spins > 0; --spins) Spin();
}
NOINLINE void Heavy(int64_t spins) {
  for (; spins > 0; --spins) Spin();
}

// A quarter of the time in Light, the rest in Heavy, in turns of 5 to 12 milliseconds that keep no step with
// the kernel's ticks. Returns what the thread has used in all its life. No clock is asked between: the kernel
// would end the thread's turn on the processor there (load.h), always at the same places of the two.
__attribute__((always_inline)) inline int64_t BothFor(int64_t nanos) {
  uint32_t random = 7;
  int64_t light = 0, all = 0;
  const int64_t begin = ThreadNanos(), spins = nanos / SpinNanos(), millisecond = 1'000'000 / SpinNanos();
  while (all < spins) {
    random = random * 1664525 + 1013904223;
    const int64_t quarter = 1 + (5 * millisecond + (random >> 8) % (7 * millisecond)) / 4;
    Light(quarter);
    Heavy(3 * quarter);
    light += quarter;
    all += 4 * quarter;
  }
  const int64_t used = ThreadNanos();
  g_light.fetch_add((used - begin) * light / all);
  return used;
}

NOINLINE void Ten(int64_t nanos, int64_t* used) { *used = BothFor(nanos); }
NOINLINE void Twenty(int64_t nanos, int64_t* used) { *used = BothFor(nanos); }
NOINLINE void Thirty(int64_t nanos, int64_t* used) { *used = BothFor(nanos); }
NOINLINE void Forty(int64_t nanos, int64_t* used) { *used = BothFor(nanos); }

void Shares(int64_t nanos) {
  int64_t used[4] = {};
  std::vector<std::thread> threads;
  threads.emplace_back(Ten, nanos / 10, &used[0]);
  threads.emplace_back(Twenty, nanos / 10 * 2, &used[1]);
  threads.emplace_back(Thirty, nanos / 10 * 3, &used[2]);
  threads.emplace_back(Forty, nanos / 10 * 4, &used[3]);
  for (std::thread& thread : threads) thread.join();
  const char* const names[] = {"Ten", "Twenty", "Thirty", "Forty"};
  for (int i = 0; i < 4; ++i) printf("%s %ld\n", names[i], static_cast<long>(used[i]));
  printf("Light %ld\n", static_cast<long>(g_light.load()));
}

// Start functions as libc knows them: what std::thread passes is one function for all.
NOINLINE void Live(int64_t nanos, void* used) {
  BurnFor(nanos);
  *static_cast<int64_t*>(used) = ThreadNanos();
}
void* LiveForOne(void* used) {
  Live(1'000'000, used);
  return nullptr;
}
void* LiveForThree(void* used) {
  Live(3'000'000, used);
  return nullptr;
}
void* LiveForSix(void* used) {
  Live(6'000'000, used);
  return nullptr;
}

void Births(int64_t count) {
  struct {
    const char* name;
    void* (*function)(void*);
    int64_t nanos;
  } lives[] = {
      {"LiveForOne", LiveForOne, 0}, {"LiveForThree", LiveForThree, 0}, {"LiveForSix", LiveForSix, 0}};
  for (int64_t i = 0; i < count; ++i) {
    auto& life = lives[i % 3];
    pthread_t thread;
    int64_t used = 0;
    CHECK(pthread_create(&thread, nullptr, life.function, &used) == 0);
    CHECK(pthread_join(thread, nullptr) == 0);
    life.nanos += used;
  }
  for (const auto& life : lives) printf("%s %ld\n", life.name, static_cast<long>(life.nanos));
}

void Busy(int64_t nanos) {
  cpu_set_t all, one;
  CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
  CPU_ZERO(&one);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &all)) ++cpu;
  CPU_SET(cpu, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([nanos, i] {
      CHECK(heapprof_labels_set("thread", std::to_string(i).c_str()) == 0);
      BothFor(nanos);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

NOINLINE void Labelled(int64_t nanos) { BurnFor(nanos); }

void Labels(int64_t nanos) {
  CHECK(heapprof_labels_set("request", "list") == 0);
  Labelled(nanos / 2);
  // No tick between the two: it would have one label alone.
  sigset_t tick, before;
  sigemptyset(&tick);
  sigaddset(&tick, SIGPROF);
  CHECK(pthread_sigmask(SIG_BLOCK, &tick, &before) == 0);
  CHECK(heapprof_labels_set("request", "get") == 0);
  CHECK(heapprof_labels_set("tenant", "a") == 0);
  CHECK(pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
  std::thread([nanos] {
    CHECK(std::string(heapprof_labels_get("request")) == "get");
    void* kept = malloc(1 << 20);
    CHECK(kept != nullptr);
    Labelled(nanos / 2);
    free(kept);
  }).join();
  CHECK(heapprof_dump_heap(nullptr) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 5);
  const std::string mode = argv[1];
  const int fd = OpenNew(argv[2]);
  const int64_t amount = atol(argv[4]);
  // In a thread, that the main one's share is nothing.
  CHECK(heapprof_start_cpu_profile(fd, atoi(argv[3])) == 0);
  const int64_t before = UsageNanos();
  if (mode == "shares") Shares(amount * 1'000'000);
  if (mode == "births") Births(amount);
  if (mode == "busy") Busy(amount * 1'000'000);
  if (mode == "labels") Labels(amount * 1'000'000);
  const int64_t used = UsageNanos() - before;
  CHECK(heapprof_stop_cpu_profile() == 0);
  CHECK(close(fd) == 0);
  printf("all %ld\n", static_cast<long>(used));
  Finish();
}
