// SPDX-License-Identifier: Apache-2.0
// Forks in a signal handler that interrupts whatever the program does.
//   fork_in_handler alone CHILDREN   one thread that allocates; every other child leaves the handler and goes
//                                    on with what was interrupted
//   fork_in_handler stuck            with a second thread: the handler interrupts jemalloc where it holds a
//                                    lock, so that fork waits for ever; SIGALRM has to end the program
//   fork_in_handler beside           two threads fork, one of them in a handler that interrupts the library
//                                    where it holds a lock of its own
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <atomic>
#include <initializer_list>

#include "tests/system/programs/churn.h"

extern "C" {
extern int mallctl(const char*, void*, size_t*, void*, size_t) __attribute__((weak));
extern void* mallocx(size_t, int) __attribute__((weak));
extern __typeof__(heapprof_labels_set) heapprof_labels_set __attribute__((weak));
extern __typeof__(heapprof_profile_new) heapprof_profile_new __attribute__((weak));
extern __typeof__(heapprof_profile_add) heapprof_profile_add __attribute__((weak));
}

namespace {

volatile sig_atomic_t g_forks = 0;
volatile sig_atomic_t g_is_child = 0;

void ForkInHandler(int) {
  if (g_is_child) return;
  const int saved = errno;
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (g_forks % 2 == 0) _exit(0);
    g_is_child = 1;
  } else {
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    g_forks = g_forks + 1;
  }
  errno = saved;
}

void Handle(int number, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(number, &action, nullptr) == 0);
}

void Alone(int children) {
  Handle(SIGVTALRM, ForkInHandler);
  const itimerval often = {{0, 200}, {0, 200}};
  CHECK(setitimer(ITIMER_VIRTUAL, &often, nullptr) == 0);
  {
    Churn churn(5);
    for (int i = 0; g_forks < children && !g_is_child; ++i) {
      churn.Steps(20);
      char value[] = {'v', static_cast<char>('a' + i % 26), static_cast<char>('a' + i / 26 % 26), 0};
      if (HasLibrary()) CHECK(heapprof_labels_set("step", value) == 0);
      if (HasLibrary() && i % 64 == 0) CHECK(heapprof_set_sample_interval(heapprof_sample_interval()) == 0);
    }
    churn.Steps(100);  // in a child too
  }
  if (g_is_child) _exit(0);
  const itimerval never = {};
  CHECK(setitimer(ITIMER_VIRTUAL, &never, nullptr) == 0);
  Dump();
  Finish();
}

// jemalloc asks for new memory while it holds a lock.
void* AllocExtent(void*, void* address, size_t size, size_t, bool* zero, bool* commit, unsigned) {
  raise(SIGUSR1);
  void* memory = mmap(address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *zero = *commit = true;
  return memory == MAP_FAILED ? nullptr : memory;
}

void* WaitForEver(void*) {
  sigset_t all;
  sigfillset(&all);  // SIGALRM is for the thread that waits
  CHECK(pthread_sigmask(SIG_SETMASK, &all, nullptr) == 0);
  for (;;) pause();
}

void Stuck() {
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, WaitForEver, nullptr) == 0);
  Handle(SIGUSR1, [](int) {
    const itimerval soon = {{0, 0}, {0, 100'000}};
    CHECK(setitimer(ITIMER_REAL, &soon, nullptr) == 0);
    CHECK(write(1, "forks\n", 6) == 6);
    if (fork() == 0) _exit(0);
    _exit(0);  // jemalloc held no lock: the test has lost its subject
  });
  struct {
    void* alloc;
    void* others[8];
  } hooks = {reinterpret_cast<void*>(AllocExtent), {}};
  void* use = &hooks;
  unsigned arena = 0;
  size_t size = sizeof arena;
  CHECK(mallctl("arenas.create", &arena, &size, &use, sizeof use) == 0);
  mallocx(1 << 20, static_cast<int>((arena + 1) << 20 | (1 << 8)));  // MALLOCX_ARENA, MALLOCX_TCACHE_NONE
  CHECK(false);
}

std::atomic<int> g_growths{0}, g_interrupted{0};

void ForkTwice(int) {
  for (int i = 0; i < 2; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    CHECK(child > 0 && waitpid(child, nullptr, 0) == child);
  }
  ++g_interrupted;
}

// A profile's keys move to a larger table, under the lock, where they would be more than half of it: the last
// time for milliseconds.
void* Grow(void*) {
  heapprof_profile* profile = heapprof_profile_new("keys");
  CHECK(profile != nullptr);
  uintptr_t keys = 0;
  for (uintptr_t grows_at : {32768, 131072, 524288}) {
    while (keys < grows_at) CHECK(heapprof_profile_add(profile, reinterpret_cast<void*>(++keys), 0) == 0);
    const int growth = ++g_growths;
    CHECK(heapprof_profile_add(profile, reinterpret_cast<void*>(++keys), 0) == 0);
    while (g_interrupted < growth) sched_yield();
  }
  return nullptr;
}

void Beside() {
  Handle(SIGUSR1, ForkTwice);
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, Grow, nullptr) == 0);
  for (int i = 0; i < 3; ++i) {
    while (g_growths <= i) sched_yield();
    CHECK(pthread_kill(thread, SIGUSR1) == 0);
    while (g_interrupted <= i) {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      CHECK(child > 0 && waitpid(child, nullptr, 0) == child);
    }
  }
  CHECK(pthread_join(thread, nullptr) == 0);
  Finish();
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc >= 2);
  if (strcmp(argv[1], "stuck") == 0) Stuck();
  if (strcmp(argv[1], "beside") == 0) {
    Beside();
    return 0;
  }
  CHECK(argc == 3);
  Alone(atoi(argv[2]));
}
