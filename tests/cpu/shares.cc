// Threads and functions with known shares of CPU time, under a CPU profile.
//   shares FILE HZ MILLISECONDS     prints the CPU time by getrusage, in milliseconds
//   births FILE HZ THREADS          threads that live for three milliseconds of CPU time
//   labels FILE HZ MILLISECONDS     two labels, each with half of the time; a thread inherits
#include <stdlib.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/cpu/load.h"

namespace {

NOINLINE void Light(int64_t nanos) { BurnFor(nanos); }
NOINLINE void Heavy(int64_t nanos) { BurnFor(nanos); }

// A quarter of the time in Light, the rest in Heavy, in turns of 5 to 12 milliseconds that keep no step with
// the kernel's ticks.
__attribute__((always_inline)) inline void BothFor(int64_t nanos) {
  uint32_t random = 7;
  for (const int64_t end = ThreadNanos() + nanos; ThreadNanos() < end;) {
    random = random * 1664525 + 1013904223;
    const int64_t turn = 5'000'000 + (random >> 8) % 7'000'000;
    Light(turn / 4);
    Heavy(turn / 4 * 3);
  }
}

NOINLINE void Ten(int64_t nanos) { BothFor(nanos); }
NOINLINE void Twenty(int64_t nanos) { BothFor(nanos); }
NOINLINE void Thirty(int64_t nanos) { BothFor(nanos); }
NOINLINE void Forty(int64_t nanos) { BothFor(nanos); }

void Shares(int64_t nanos) {
  std::vector<std::thread> threads;
  threads.emplace_back(Ten, nanos / 10);
  threads.emplace_back(Twenty, nanos / 10 * 2);
  threads.emplace_back(Thirty, nanos / 10 * 3);
  threads.emplace_back(Forty, nanos / 10 * 4);
  for (std::thread& thread : threads) thread.join();
}

NOINLINE void ShortLife() { BurnFor(3'000'000); }

void Births(int64_t count) {
  for (int64_t i = 0; i < count; ++i) std::thread(ShortLife).join();
}

NOINLINE void Labelled(int64_t nanos) { BurnFor(nanos); }

void Labels(int64_t nanos) {
  CHECK(heapprof_labels_set("request", "list") == 0);
  Labelled(nanos / 2);
  CHECK(heapprof_labels_set("request", "get") == 0);
  CHECK(heapprof_labels_set("tenant", "a") == 0);
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
  if (mode == "labels") Labels(amount * 1'000'000);
  const int64_t used = UsageNanos() - before;
  CHECK(heapprof_stop_cpu_profile() == 0);
  CHECK(close(fd) == 0);
  printf("%ld\n", static_cast<long>(used / 1'000'000));
  Finish();
}
