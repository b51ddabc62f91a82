// SPDX-License-Identifier: Apache-2.0
// Threads: their stacks, registers, thread-local storage and keys, while they live and afterwards.
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>

#include "tests/system/leak/programs/scenario.h"

namespace {

sem_t g_ready;
thread_local void* volatile t_kept;
void* volatile g_kept;

void* WaitForever() {
  sem_post(&g_ready);
  for (;;) pause();
}

// Starts a thread that gets ready and then stays until the process ends.
void StartAndLeave(void* (*function)(void*), void* argument = nullptr) {
  sem_init(&g_ready, 0, 0);
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, function, argument) == 0);
  while (sem_wait(&g_ready) != 0) {
  }
}
void* RunToEnd(void* (*function)(void*), void* argument = nullptr) {
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, function, argument) == 0);
  void* result = nullptr;
  CHECK(pthread_join(thread, &result) == 0);
  return result;
}

void* WithLocal(void*) {
  void* volatile local = Block(1337);
  asm volatile("" : : "r"(&local) : "memory");
  return WaitForever();
}
void* WithRegister(void*) {
  void* block = Block(1337);
  // Kept in a register only; the loop neither calls nor spills.
#if defined(__aarch64__)
  asm volatile(
      "mov x20, %0\n\t"
      "mov %0, xzr\n\t"
      "mov w9, #1\n\t"
      "str w9, [%1]\n\t"
      "1: yield\n\t"
      "b 1b"
      : "+r"(block)
      : "r"(&g_kept)
      : "x9", "x20", "memory");
#else
  asm volatile(
      "movq %0, %%r12\n\t"
      "xorq %0, %0\n\t"
      "movl $1, (%1)\n\t"
      "1: pause\n\t"
      "jmp 1b"
      : "+r"(block)
      : "r"(&g_kept)
      : "r12", "memory");
#endif
  return nullptr;
}
void InRegister() {
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, WithRegister, nullptr) == 0);
  while (__atomic_load_n(reinterpret_cast<volatile int*>(&g_kept), __ATOMIC_ACQUIRE) == 0) usleep(100);
}
void* WithThreadLocal(void*) {
  CallAndWipe([] { t_kept = Block(1337); });
  return WaitForever();
}
void* ThreadLocalAndEnd(void*) {
  CallAndWipe([] { t_kept = Block(1337); });
  return nullptr;
}
void* LocalAndEnd(void*) {
  void* volatile local[64];
  for (auto& word : local) word = nullptr;
  local[32] = Block(1337);
  asm volatile("" : : "r"(&local) : "memory");
  return nullptr;
}
void* NoLeak(void*) {
  free(Block(100));
  return nullptr;
}

pthread_key_t g_keys[200];
void MakeKeys(int count, void (*destructor)(void*)) {
  for (int i = 0; i < count; ++i) CHECK(pthread_key_create(&g_keys[i], destructor) == 0);
}
void* WithFirstKey(void*) {
  CallAndWipe([] { pthread_setspecific(g_keys[0], Block(1337)); });
  return WaitForever();
}
void* WithLateKey(void*) {
  CallAndWipe([] { pthread_setspecific(g_keys[199], Block(1337)); });
  return WaitForever();
}
void* KeyAndEnd(void*) {
  CallAndWipe([] { pthread_setspecific(g_keys[0], Block(1337)); });
  return nullptr;
}

void* UseArgument(void* argument) {
  void* volatile local = argument;
  asm volatile("" : : "r"(&local) : "memory");
  return WaitForever();
}
void* ReturnBlock(void*) { return Block(1337); }

#ifdef TLS_LIBRARY
// A library with general-dynamic thread-local storage.
void** DynamicSlot() {
  static void** (*slot)();
  if (slot == nullptr) {
    void* library = dlopen(TLS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != nullptr);
    slot = reinterpret_cast<void** (*)()>(dlsym(library, "DynamicSlot"));
    CHECK(slot != nullptr);
  }
  return slot();
}
void* WithDynamic(void*) {
  CallAndWipe([] { *DynamicSlot() = Block(1337); });
  return WaitForever();
}
void* DynamicAndEnd(void*) {
  CallAndWipe([] { *DynamicSlot() = Block(1337); });
  return nullptr;
}
#endif

ucontext_t g_main, g_coroutine;
void OnCoroutine() {
  void* volatile local = Block(1337);
  asm volatile("" : : "r"(&local) : "memory");
  swapcontext(&g_coroutine, &g_main);
}
void MakeCoroutine() {
  constexpr size_t kStack = 128 << 10;
  CHECK(getcontext(&g_coroutine) == 0);
  g_coroutine.uc_stack.ss_sp = Block(kStack);
  g_coroutine.uc_stack.ss_size = kStack;
  g_coroutine.uc_link = &g_main;
  makecontext(&g_coroutine, OnCoroutine, 0);
  swapcontext(&g_main, &g_coroutine);
}
void ExitOnCoroutine() { exit(0); }
void ExitFromCoroutine() {
  constexpr size_t kStack = 256 << 10;
  CHECK(getcontext(&g_coroutine) == 0);
  g_coroutine.uc_stack.ss_sp = Block(kStack);
  g_coroutine.uc_stack.ss_size = kStack;
  makecontext(&g_coroutine, ExitOnCoroutine, 0);
  void* volatile local = Block(1337);
  asm volatile("" : : "r"(&local) : "memory");
  swapcontext(&g_main, &g_coroutine);
}

// A timer that is never due, whose thread would get the block.
timer_t MakeTimer() {
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = [](sigval) {};
  event.sigev_value.sival_ptr = Block(1337);
  timer_t timer;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  return timer;
}

const Scenario kList[] = {
    {"thread_stack", [] { StartAndLeave(WithLocal); }},
    {"thread_register", InRegister},
    {"thread_stack_of_ended", [] { RunToEnd(LocalAndEnd); }},
    {"threads_without_leak",
     [] {
       for (int i = 0; i < 100; ++i) RunToEnd(NoLeak);
     }},
    {"tls_static_main", [] { CallAndWipe([] { t_kept = Block(1337); }); }},
    {"tls_static_thread", [] { StartAndLeave(WithThreadLocal); }},
    {"tls_static_of_ended", [] { RunToEnd(ThreadLocalAndEnd); }},
#ifdef TLS_LIBRARY
    {"tls_dynamic_main", [] { CallAndWipe([] { *DynamicSlot() = Block(1337); }); }},
    {"tls_dynamic_main_dropped",
     [] {
       CallAndWipe([] { *DynamicSlot() = Block(1337); });
       *DynamicSlot() = nullptr;
     }},
    {"tls_dynamic_thread", [] { StartAndLeave(WithDynamic); }},
    {"tls_dynamic_of_ended", [] { RunToEnd(DynamicAndEnd); }},
#endif
    {"key_main",
     [] {
       MakeKeys(1, nullptr);
       CallAndWipe([] { pthread_setspecific(g_keys[0], Block(1337)); });
     }},
    {"key_thread",
     [] {
       MakeKeys(1, nullptr);
       StartAndLeave(WithFirstKey);
     }},
    {"key_late_main",
     [] {
       MakeKeys(200, nullptr);
       CallAndWipe([] { pthread_setspecific(g_keys[199], Block(1337)); });
     }},
    {"key_late_thread",
     [] {
       MakeKeys(200, nullptr);
       StartAndLeave(WithLateKey);
     }},
    {"key_dropped",
     [] {
       MakeKeys(1, nullptr);
       CallAndWipe([] { pthread_setspecific(g_keys[0], Block(1337)); });
       pthread_setspecific(g_keys[0], nullptr);
     }},
    {"key_destructor_frees",
     [] {
       MakeKeys(1, free);
       RunToEnd(KeyAndEnd);
     }},
    {"key_of_ended",
     [] {
       MakeKeys(1, nullptr);
       RunToEnd(KeyAndEnd);
     }},
    {"thread_argument", [] { StartAndLeave(UseArgument, Block(1337)); }},
    {"thread_argument_of_ended", [] { CallAndWipe([] { RunToEnd(NoLeak, Block(1337)); }); }},
    {"thread_result", [] { CallAndWipe([] { g_kept = RunToEnd(ReturnBlock); }); }},
    {"thread_result_dropped", [] { CallAndWipe([] { RunToEnd(ReturnBlock); }); }},
    {"swapcontext", [] { CallAndWipe(MakeCoroutine); }},
    {"swapcontext_stack_dropped",
     [] {
       CallAndWipe(MakeCoroutine);
       memset(&g_coroutine, 0, sizeof g_coroutine);
       memset(&g_main, 0, sizeof g_main);
     }},
    {"exit_on_coroutine", ExitFromCoroutine},
    {"timer_holds", [] { CallAndWipe([] { MakeTimer(); }); }},
    {"timer_deleted", [] { CallAndWipe([] { CHECK(timer_delete(MakeTimer()) == 0); }); }},
};
SCENARIOS(kList);

}  // namespace
