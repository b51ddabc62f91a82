// SPDX-License-Identifier: Apache-2.0
// What the walk may not do, as it runs in malloc and in signal handlers: this program's allocation and
// locking functions abort while a walk is under way.
#include <dlfcn.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include "sampling/unwind/walk.h"

namespace {

__attribute__((tls_model("initial-exec"))) thread_local bool t_walking;

void Forbid(const char* what, size_t size) {
  if (!t_walking) return;
  t_walking = false;
  if (write(2, what, size) < 0) _exit(2);
  abort();
}
#define FORBID(what) Forbid(what " during a walk\n", sizeof(what " during a walk\n") - 1)

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void __libc_free(void*);

void* malloc(size_t size) {
  FORBID("malloc");
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  FORBID("calloc");
  return __libc_calloc(count, size);
}
void* realloc(void* block, size_t size) {
  FORBID("realloc");
  return __libc_realloc(block, size);
}
void free(void* block) {
  FORBID("free");
  __libc_free(block);
}
int pthread_mutex_lock(pthread_mutex_t* mutex) {
  FORBID("pthread_mutex_lock");
  static const auto next = Next<int (*)(pthread_mutex_t*)>("pthread_mutex_lock");
  return next(mutex);
}
int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  FORBID("pthread_rwlock_rdlock");
  static const auto next = Next<int (*)(pthread_rwlock_t*)>("pthread_rwlock_rdlock");
  return next(lock);
}
}

namespace heapprof {
namespace {

constexpr uint32_t kMax = 128;
uintptr_t g_pcs[kMax];

__attribute__((noinline)) WalkResult WalkWatched(StackBounds bounds) {
  errno = 4711;
  t_walking = true;
  WalkResult result = WalkStack(HEAPPROF_CALLER_FRAME(), bounds, g_pcs, kMax);
  t_walking = false;
  EXPECT_EQ(errno, 4711);
  return result;
}

TEST(WalkSafetyTest, ColdAndWarmWalksTakeNoLockAndNoMemory) {
  for (int round = 0; round < 50; ++round) {
    UnwindCacheModulesChanged();
    const WalkResult cold = WalkWatched({0, 0}), warm = WalkWatched({0, 0});
    EXPECT_GT(cold.depth, 5u);
    EXPECT_EQ(cold.depth, warm.depth);
    EXPECT_FALSE(cold.truncated);
  }
}

WalkResult g_in_handler;

TEST(WalkSafetyTest, FromAHandlersContextToo) {
  struct sigaction action = {}, old;
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t*, void* context) {
    errno = 4711;
    t_walking = true;
    UnwindCacheModulesChanged();
    g_in_handler = WalkStackFromContext(*static_cast<ucontext_t*>(context), {0, 0}, g_pcs, kMax);
    t_walking = false;
    if (errno != 4711) abort();
  };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &old), 0);
  raise(SIGUSR1);
  sigaction(SIGUSR1, &old, nullptr);
  EXPECT_GT(g_in_handler.depth, 5u);
  EXPECT_FALSE(g_in_handler.truncated);
}

// The test of the test.
TEST(WalkSafetyDeathTest, AnAllocationWouldHaveBeenSeen) {
  EXPECT_DEATH(
      {
        t_walking = true;
        free(malloc(1));
      },
      "malloc during a walk");
}

}  // namespace
}  // namespace heapprof
