// SPDX-License-Identifier: Apache-2.0
// Threads made through the wrapper: with attributes of every kind, and none; failing ones leave nothing
// behind.
#include <dlfcn.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/alloc/intervals.h"
#include "tests/alloc/jemalloc_interface.h"

namespace heapprof::test {
namespace {

class ThreadsTest : public AtInterval {};
HEAPPROF_AT_INTERVALS(ThreadsTest);

void* AllocateAndAdd(void* argument) {
  for (size_t i = 1; i < 500; ++i) {
    void* block = malloc(i * 16);
    block = realloc(block, i * 33);
    free(block);
  }
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(argument) + 1);
}

uintptr_t RunThread(const pthread_attr_t* attributes) {
  pthread_t thread;
  int error = pthread_create(&thread, attributes, AllocateAndAdd, reinterpret_cast<void*>(41));
  EXPECT_EQ(error, 0);
  if (error != 0) return 0;
  void* result = nullptr;
  EXPECT_EQ(pthread_join(thread, &result), 0);
  return reinterpret_cast<uintptr_t>(result);
}

TEST_P(ThreadsTest, StacksAreWalkedToTheirEndWhereverTheyLie) {
  uint64_t truncated = Stats().truncated_stacks, live = Stats().live_samples;
  EXPECT_EQ(RunThread(nullptr), 42u);
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  EXPECT_EQ(RunThread(&attributes), 42u);
  const size_t least = static_cast<size_t>(sysconf(_SC_THREAD_STACK_MIN));  // 128 KiB on aarch64
  for (size_t size : {std::max(size_t{64} << 10, least), size_t{1} << 20, size_t{64} << 20}) {
    ASSERT_EQ(pthread_attr_setstacksize(&attributes, size), 0);
    EXPECT_EQ(RunThread(&attributes), 42u);
  }
  constexpr size_t kOwn = 256 << 10;
  void* stack = mmap(nullptr, kOwn, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(stack, MAP_FAILED);
  ASSERT_EQ(pthread_attr_setstack(&attributes, stack, kOwn), 0);
  EXPECT_EQ(RunThread(&attributes), 42u);
  ASSERT_EQ(pthread_attr_destroy(&attributes), 0);
  munmap(stack, kOwn);
  EXPECT_EQ(Stats().truncated_stacks, truncated);
  EXPECT_LE(Stats().live_samples, live + 8);  // libc keeps a vector of TLS blocks with each cached stack
}

TEST_P(ThreadsTest, AThreadThatCannotBeMadeIsAnError) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, size_t{1} << 46), 0);
  uint64_t live = Stats().live_samples;
  for (int i = 0; i < 1000; ++i) {
    pthread_t thread;
    ASSERT_NE(pthread_create(&thread, &attributes, AllocateAndAdd, nullptr), 0);
  }
  EXPECT_EQ(Stats().live_samples, live);
  ASSERT_EQ(pthread_attr_destroy(&attributes), 0);
}

TEST_P(ThreadsTest, BlocksMayBeFreedByAnotherThread) {
  uint64_t live = Stats().live_samples;
  std::vector<void*> blocks(3000);
  void* data = blocks.data();
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void* argument) -> void* {
                  auto** out = static_cast<void**>(argument);
                  for (int i = 0; i < 3000; ++i) out[i] = malloc(1 + i % 5000);
                  return nullptr;
                },
                data),
            0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  for (void* block : blocks) free(block);
  EXPECT_LE(Stats().live_samples, live + 2);
}

TEST_P(ThreadsTest, DlcloseAnswersAsLibcs) {
  void* library = dlopen("libm.so.6", RTLD_NOW);
  ASSERT_NE(library, nullptr);
  EXPECT_EQ(dlclose(library), 0);
}

// Helpers of a bare clone call nothing but the kernel, and may end by libc's syscall().
TEST_P(ThreadsTest, AHelperOnItsMakersTlsLeavesItsCache) {
  free(malloc(100));
  constexpr size_t kStack = 64 << 10;
  void* stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(stack, MAP_FAILED);
  static std::atomic<int> alive;
  constexpr int kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                         CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  auto end = [](void*) { return static_cast<int>(syscall(SYS_exit, 0)); };
  ASSERT_GT(clone(end, static_cast<char*>(stack) + kStack, kFlags, nullptr, &alive, nullptr, &alive), 0);
  // The kernel clears the word when the helper has gone.
  while (int tid = alive.load()) syscall(SYS_futex, &alive, FUTEX_WAIT, tid, nullptr);
  free(malloc(100));
  bool has_cache = false;
  size_t size = sizeof(has_cache);
  ASSERT_EQ(mallctl("thread.tcache.enabled", &has_cache, &size, nullptr, 0), 0);
  EXPECT_TRUE(has_cache);
  munmap(stack, kStack);
}

// A statistic of all arenas, as it was at the last epoch.
size_t OfAllArenas(const std::string& name) {
  uint64_t value = 0;
  size_t size = sizeof(value);
  EXPECT_EQ(mallctl(("stats.arenas.4096." + name).c_str(), &value, &size, nullptr, 0), 0) << name;
  return value;
}

void BeginEpoch() {
  uint64_t epoch = 1;
  EXPECT_EQ(mallctl("epoch", nullptr, nullptr, &epoch, sizeof(epoch)), 0);
}

// How many locks of bins were taken: some hundred by the beginning of an epoch.
size_t LocksOfBins() {
  BeginEpoch();
  size_t locks = 0;
  for (int bin = 0; bin < 36; ++bin) locks += OfAllArenas("bins." + std::to_string(bin) + ".mutex.num_ops");
  return locks;
}

// What jemalloc has for itself, threads' caches included.
size_t InternalBytes() {
  BeginEpoch();
  return OfAllArenas("internal");
}

constexpr size_t kFewBlocks = 100, kManyBlocks = 5000;

// A thread that frees the few, waits, and frees the others.
struct OnlyFrees {
  void* blocks[kManyBlocks];
  pthread_barrier_t freed_few, go_on, freed_all, end;

  bool Begin() {
    for (void*& block : blocks) block = malloc(64);
    for (auto* barrier : {&freed_few, &go_on, &freed_all, &end}) {
      if (pthread_barrier_init(barrier, nullptr, 2) != 0) return false;
    }
    return true;
  }

  static void* Run(void* argument) {
    auto* all = static_cast<OnlyFrees*>(argument);
    for (size_t i = 0; i < kFewBlocks; ++i) free(all->blocks[i]);
    pthread_barrier_wait(&all->freed_few);
    pthread_barrier_wait(&all->go_on);
    for (size_t i = kFewBlocks; i < kManyBlocks; ++i) free(all->blocks[i]);
    pthread_barrier_wait(&all->freed_all);
    pthread_barrier_wait(&all->end);
    return nullptr;
  }
};

// Takes what memory there is, and lets a thread that never allocates free blocks.
void FreeWithoutMemory() {
  static OnlyFrees all;
  if (!all.Begin()) _exit(2);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, OnlyFrees::Run, &all) != 0) _exit(2);
  pthread_barrier_wait(&all.freed_few);
  const rlimit none = {1 << 20, 1 << 20};
  setrlimit(RLIMIT_AS, &none);
  for (size_t size = 2 << 20; size >= 8; size /= 2) {
    while (malloc(size) != nullptr) continue;
  }
  for (size_t size = 64 << 10; size >= 4096; size -= 4096) {
    while (malloc(size) != nullptr) continue;
  }
  pthread_barrier_wait(&all.go_on);
  pthread_barrier_wait(&all.freed_all);
  _exit(0);
}

// A program that meets the end of its memory frees some, and goes on.
TEST_P(ThreadsTest, AThreadThatOnlyFreesNeedsNoMemoryForIt) {
  const pid_t child = fork();
  if (child == 0) FreeWithoutMemory();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// jemalloc gives a thread that never allocates no cache, and each block that it frees takes a bin's lock.
TEST_P(ThreadsTest, AThreadThatOnlyFreesGetsACacheOnceItHasFreedSome) {
  static OnlyFrees all;
  ASSERT_TRUE(all.Begin());
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, nullptr, OnlyFrees::Run, &all), 0);
  const size_t before = InternalBytes();
  pthread_barrier_wait(&all.freed_few);
  EXPECT_EQ(InternalBytes(), before);
  const size_t locks = LocksOfBins();
  pthread_barrier_wait(&all.go_on);
  pthread_barrier_wait(&all.freed_all);
  EXPECT_LT(LocksOfBins() - locks, kManyBlocks / 4);
  EXPECT_GT(InternalBytes(), before);
  pthread_barrier_wait(&all.end);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  for (auto* barrier : {&all.freed_few, &all.go_on, &all.freed_all, &all.end})
    pthread_barrier_destroy(barrier);
  EXPECT_EQ(InternalBytes(), before);
}

}  // namespace
}  // namespace heapprof::test
