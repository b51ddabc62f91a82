// SPDX-License-Identifier: Apache-2.0
// What the last steps of a process let go of: destructors, exit handlers, the last thread.
#include <pthread.h>

#include "tests/system/leak/programs/scenario.h"

namespace {

// Kept until the destructors run, which drop it.
struct Dropper {
  void* volatile kept = nullptr;
  ~Dropper() { kept = nullptr; }
};
Dropper g_dropper;
thread_local Dropper t_dropper;
void* volatile g_kept;

pthread_t g_main;
// The main thread has ended when this one allocates, and the process ends with this one.
void* AllocateLast(void*) {
  CHECK(pthread_join(g_main, nullptr) == 0);
  CallAndWipe([] {
    g_kept = Block(1337);
    g_kept = nullptr;
  });
  return nullptr;
}
void* KeepLast(void*) {
  CHECK(pthread_join(g_main, nullptr) == 0);
  g_kept = Block(1337);
  return nullptr;
}
void EndBefore(void* (*function)(void*)) {
  g_main = pthread_self();
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, function, nullptr) == 0);
  pthread_exit(nullptr);
}

// A thread's descriptor has the address of what was handed to it at its start.
pthread_barrier_t g_met;
void* AllocateAndWait(void*) {
  CallAndWipe([] {
    for (size_t size = 16; size <= 256; size += 16) g_kept = Block(size);
    g_kept = nullptr;
  });
  pthread_barrier_wait(&g_met);
  for (;;) pause();
}
void DropInThread() {
  pthread_t thread;
  CHECK(pthread_barrier_init(&g_met, nullptr, 2) == 0);
  CHECK(pthread_create(&thread, nullptr, AllocateAndWait, nullptr) == 0);
  pthread_barrier_wait(&g_met);
}

const Scenario kList[] = {
    {"destructor_drops", [] { CallAndWipe([] { g_dropper.kept = Block(1337); }); }},
    {"destructor_of_thread_local_drops", [] { CallAndWipe([] { t_dropper.kept = Block(1337); }); }},
    {"exit_handler_drops",
     [] {
       CallAndWipe([] { g_kept = Block(1337); });
       atexit([] { g_kept = nullptr; });
     }},
    {"last_thread_drops", [] { EndBefore(AllocateLast); }},
    {"last_thread_keeps", [] { EndBefore(KeepLast); }},
    {"thread_drops_many_sizes", DropInThread},
};
SCENARIOS(kList);

}  // namespace
