// SPDX-License-Identifier: Apache-2.0
// Changes of the interval beside threads that allocate without a pause, in one way each, by another thread or
// by a handler that interrupts them; and beside threads that are born.   interval_changes busy|handler|births
// ROUNDS
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/system/programs/program.h"

namespace {

void* volatile g_use;
std::atomic<bool> g_stop{false};

// One allocation, that is freed again, in each way.
void Malloc() { free(g_use = malloc(40)); }
void Calloc() { free(g_use = calloc(1, 40)); }
void Aligned() { free(g_use = aligned_alloc(64, 64)); }
void New() { ::operator delete(g_use = ::operator new(48)); }
void Large() { free(g_use = malloc(5000)); }
void Realloc() {
  static thread_local void* block;
  g_use = block = realloc(block, 40);
}

struct Worker {
  void (*allocate)();
  std::atomic<uint64_t> beats{0};

  // Waits until the worker has begun and ended one more allocation.
  void WaitForBeats() {
    const uint64_t seen = beats;
    while (beats < seen + 2) sched_yield();
  }
};

void SetInterval(size_t interval) {
  if (HasLibrary()) CHECK(heapprof_set_sample_interval(interval) == 0);
}

// In the thread that allocates.
std::atomic<size_t> g_wanted{0};
std::atomic<int> g_handled{0};
void OnSignal(int) {
  SetInterval(g_wanted);
  ++g_handled;
}
void SetByHandler(pthread_t thread, size_t interval) {
  const int before = g_handled;
  g_wanted = interval;
  CHECK(pthread_kill(thread, SIGRTMIN) == 0);
  while (g_handled == before) sched_yield();
}

// With one worker at work, samples that come are its own.
void Busy(int rounds, bool by_handler) {
  for (auto allocate : {Malloc, Calloc, Aligned, New, Large, Realloc}) {
    Worker worker;
    worker.allocate = allocate;
    g_stop = false;
    std::thread thread([&worker] {
      while (!g_stop) {
        worker.allocate();
        ++worker.beats;
      }
    });
    auto set = [&](size_t interval) {
      by_handler ? SetByHandler(thread.native_handle(), interval) : SetInterval(interval);
    };
    for (int round = 0; round < rounds; ++round) {
      set(0);
      worker.WaitForBeats();
      set(1);
      worker.WaitForBeats();
      const uint64_t before = Stats().samples;
      worker.WaitForBeats();
      CHECK(!HasLibrary() || Stats().samples > before);
    }
    g_stop = true;
    thread.join();
  }
}

// A thread's first allocation comes before, beside or after the change; its second is a sample.
void Births(int rounds) {
  struct Birth {
    std::atomic<bool> go{false}, changed{false};
    uint64_t samples = 0;
  };
  for (int round = 0; round < rounds; ++round) {
    SetInterval(0);
    Birth birth;
    pthread_t thread;
    auto body = [](void* argument) -> void* {
      auto* self = static_cast<Birth*>(argument);
      while (!self->go) sched_yield();
      Malloc();
      while (!self->changed) sched_yield();
      const uint64_t before = Stats().samples;
      Malloc();
      self->samples = Stats().samples - before;
      return nullptr;
    };
    CHECK(pthread_create(&thread, nullptr, body, &birth) == 0);
    birth.go = true;
    for (volatile int pause = round % 97; pause > 0;) pause = pause - 1;
    SetInterval(1);
    birth.changed = true;
    CHECK(pthread_join(thread, nullptr) == 0);
    CHECK(!HasLibrary() || birth.samples == 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  CHECK(signal(SIGRTMIN, OnSignal) != SIG_ERR);
  if (strcmp(argv[1], "busy") == 0) Busy(atoi(argv[2]), false);
  if (strcmp(argv[1], "handler") == 0) Busy(atoi(argv[2]), true);
  if (strcmp(argv[1], "births") == 0) Births(atoi(argv[2]));
  Finish();
}
