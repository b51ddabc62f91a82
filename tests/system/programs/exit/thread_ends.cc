// SPDX-License-Identifier: Apache-2.0
// Threads that end in ways that libc, or what waits for a thread's end, does not see coming: their first
// allocation in the last round of the keys' destructors, or an end by the system call alone. Their stacks are
// unmapped, or handed to the next thread, and then everything that may look for threads is asked to.
//   thread_ends last_round|free_first|c11|exit_call THREADS
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>

#include <initializer_list>

#include "tests/system/programs/program.h"

namespace {

pthread_key_t g_key;
thread_local int t_round;
void* volatile g_use;
void* g_given;  // for the next thread to free

void Allocate() { free(g_use = malloc(100)); }

void InLastRound(void* value) {
  if (++t_round < PTHREAD_DESTRUCTOR_ITERATIONS) {
    CHECK(pthread_setspecific(g_key, value) == 0);
  } else {
    free(g_given);
    Allocate();
  }
}

void* EndInDestructors(void*) {
  CHECK(pthread_setspecific(g_key, &g_key) == 0);
  return nullptr;
}

void* EndByCall(void*) {
  Allocate();
  syscall(SYS_exit, 0);
  return nullptr;
}

int EndInC11(void*) {
  EndInDestructors(nullptr);
  return 0;
}

void RunC11Threads(int threads) {
  for (int i = 0; i < threads; ++i) {
    thrd_t thread;
    CHECK(thrd_create(&thread, EndInC11, nullptr) == thrd_success);
    CHECK(thrd_join(thread, nullptr) == thrd_success);
  }
}

void RunThreads(void* (*body)(void*), bool free_first, int threads, size_t stack_size) {
  pthread_attr_t attributes;
  CHECK(pthread_attr_init(&attributes) == 0);
  CHECK(pthread_attr_setstacksize(&attributes, stack_size) == 0);
  for (int i = 0; i < threads; ++i) {
    pthread_t thread;
    g_given = free_first ? malloc(100) : nullptr;
    CHECK(pthread_create(&thread, &attributes, body, nullptr) == 0);
    CHECK(pthread_join(thread, nullptr) == 0);
  }
  CHECK(pthread_attr_destroy(&attributes) == 0);
}

void LookForThreads() {
  for (size_t interval : {size_t{1000}, size_t{0}, size_t{1}}) {
    if (HasLibrary()) CHECK(heapprof_set_sample_interval(interval) == 0);
    Allocate();
  }
  Dump();
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (HasLibrary()) CHECK(heapprof_set_sample_interval(1) == 0);
    Allocate();
    _exit(17);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 17);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  CHECK(pthread_key_create(&g_key, InLastRound) == 0);
  void* (*body)(void*) = strcmp(argv[1], "exit_call") == 0 ? EndByCall : EndInDestructors;
  const bool free_first = strcmp(argv[1], "free_first") == 0;
  // libc keeps up to 40 MiB of stacks for later threads, and unmaps larger ones.
  for (size_t stack_size : {size_t{256} << 10, size_t{64} << 20}) {
    RunThreads(body, free_first, atoi(argv[2]), stack_size);
    if (strcmp(argv[1], "c11") == 0) {
      g_given = nullptr;
      RunC11Threads(atoi(argv[2]));
    }
    LookForThreads();
  }
  Finish();
}
