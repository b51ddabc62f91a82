// SPDX-License-Identifier: Apache-2.0
#include "sampling/module_watch.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>

#include <atomic>

#include "sampling/heap/heap_tables.h"
#include "sampling/unwind/rule_cache.h"
#include "sampling/unwind/shown_code.h"
#include "sampling/unwind/walk.h"

namespace heapprof {
namespace {

// A bucket of its own for each call, as an allocation of a size that was not seen yet has it.
void AddBucket(uintptr_t pc, size_t size) {
  HeapBuckets().FindOrAdd({{&pc, 1, Truncation::kNone, pc}, size, 1, 0});
}

std::atomic<size_t> g_in_handlers{0};
void Allocate(int) { AddBucket(0x1234, 1 + g_in_handlers.fetch_add(1)); }

// What a handler of the program allocates is recorded under the lock that dlclose's look at all stacks holds.
TEST(ModuleWatch, HandlersThatAllocateDoNotWaitForTheCodeTheyInterrupted) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "TSan holds signals back until the next blocking call";
#endif
  void* handle = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  const auto in_module = reinterpret_cast<uintptr_t>(dlsym(handle, "watched_module"));
  // So many stacks that each look takes milliseconds, one of them in the module.
  for (uintptr_t i = 0; i < 300'000; ++i) AddBucket(0x10000 + i * 16, 1);
  AddBucket(in_module + 1, 1);
  BeforeUnload();
  ASSERT_EQ(dlclose(handle), 0);

  struct sigaction action = {}, old_action = {};
  action.sa_handler = Allocate;
  ASSERT_EQ(sigaction(SIGALRM, &action, &old_action), 0);
  const itimerval often = {{0, 50}, {0, 50}}, never = {};
  setitimer(ITIMER_REAL, &often, nullptr);
  AfterUnload();
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &old_action, nullptr);
  EXPECT_GT(g_in_handlers.load(), 0u);
  EXPECT_FALSE(HeapBuckets().HasLocationIn(in_module, in_module + 1)) << "it was looked at";
}

std::atomic<uintptr_t> g_stack_high{0};
std::atomic<int> g_handled{0}, g_elsewhere{0};
void NoteStack(int) {
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)), high = g_stack_high.load();
  constexpr uintptr_t kMax = 1 << 20;
  ++g_handled;
  if (here > high || high - here > kMax) ++g_elsewhere;
}

// A walk that meets a library which is back looks at it on a small stack of our own.
TEST(ModuleWatch, HandlersRunOnTheProgramsStackWhileALibraryIsLookedAt) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "TSan holds signals back until the next blocking call";
#endif
  void* handle = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  AddBucket(reinterpret_cast<uintptr_t>(dlsym(handle, "watched_module")) + 1, 1);
  BeforeUnload();
  ASSERT_EQ(dlclose(handle), 0);
  AfterUnload();
  handle = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  const auto in_module = reinterpret_cast<uintptr_t>(dlsym(handle, "watched_module")) + 1;

  g_stack_high = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  struct sigaction action = {}, old_action = {};
  action.sa_handler = NoteStack;
  ASSERT_EQ(sigaction(SIGALRM, &action, &old_action), 0);
  const itimerval often = {{0, 50}, {0, 50}}, never = {};
  setitimer(ITIMER_REAL, &often, nullptr);
  for (int i = 0; i < 1'000'000 && g_handled < 1000; ++i) {
    UnwindCacheModulesChanged();
    unwind::FindRule(in_module);
  }
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &old_action, nullptr);
  EXPECT_TRUE(unwind::IsShownOtherwise(in_module)) << "it was not looked at";
  EXPECT_GT(g_handled, 0);
  EXPECT_EQ(g_elsewhere, 0);
  dlclose(handle);
}

}  // namespace
}  // namespace heapprof
