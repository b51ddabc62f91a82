// SPDX-License-Identifier: Apache-2.0
// The walk against libunwind's, over the kinds of frame that compilers make.
#include "sampling/unwind/walk.h"

#include <alloca.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

#include "sampling/unwind/shown_code.h"
#include "tests/support/thread_bounds.h"

namespace heapprof {
namespace {

constexpr uint32_t kMax = 256;

using test::BoundsOfThread;

// The PCs of one walk. An array in place: captures are made in signal handlers too.
class Pcs {
 public:
  void push_back(uintptr_t pc) { pcs_[size_++] = pc; }
  size_t size() const { return size_; }
  uintptr_t operator[](size_t i) const { return pcs_[i]; }

 private:
  uintptr_t pcs_[kMax];
  size_t size_ = 0;
};

// libunwind's addresses are those of the calls on aarch64, and before its 1.4, and else lie behind them.
#if defined(__aarch64__) || UNW_VERSION < UNW_VERSION_CODE(1, 4)
constexpr uintptr_t kBehind = 1;
#else
constexpr uintptr_t kBehind = 0;
#endif

struct Captured {
  Pcs ours, theirs;
  WalkResult result;
};

// Both walks from here; the frame of this function itself, where their PCs must differ, is cut off.
__attribute__((noinline)) Captured Capture(StackBounds bounds) {
  uintptr_t ours[kMax];
  void* theirs[kMax];
  Captured captured;
  captured.result = WalkStack(HEAPPROF_CALLER_FRAME(), bounds, ours, kMax);
  int depth = unw_backtrace(theirs, kMax);
  for (uint32_t i = 0; i < captured.result.depth; ++i) captured.ours.push_back(ours[i]);
  for (int i = 1; i < depth; ++i) captured.theirs.push_back(reinterpret_cast<uintptr_t>(theirs[i]) + kBehind);
  return captured;
}

void ExpectEqualStacks(const Captured& captured) {
  EXPECT_FALSE(captured.result.truncated);
  ASSERT_GE(captured.ours.size(), 3u);
  // libunwind may end one frame later, with a zero PC or at _start's caller.
  size_t common = std::min(captured.ours.size(), captured.theirs.size());
  EXPECT_LE(captured.theirs.size() - common, 1u);
  EXPECT_EQ(captured.ours.size(), common);
  // The address that a signal interrupted is its own in both.
  size_t interrupted = captured.result.in_handler ? 1 : 0;
  for (size_t i = 0; i < common; ++i) {
    if (interrupted != 0 && captured.ours[i] + kBehind == captured.theirs[i] && kBehind != 0) {
      --interrupted;
    } else {
      EXPECT_EQ(captured.ours[i], captured.theirs[i]) << "frame " << i;
    }
  }
}

using Body = std::function<Captured()>;
volatile int g_sink;

__attribute__((noinline)) Captured Plain(const Body& body) {
  Captured captured = body();
  g_sink = 1;
  return captured;
}

__attribute__((noinline)) Captured WithAlloca(const Body& body, size_t size) {
  volatile unsigned char* room = static_cast<unsigned char*>(alloca(size));
  room[size - 1] = 1;
  Captured captured = body();
  g_sink = room[size - 1];
  return captured;
}

__attribute__((noinline)) Captured Realigned(const Body& body) {
  alignas(64) volatile unsigned char room[128];
  room[5] = 1;
  Captured captured = body();
  g_sink = room[5];
  return captured;
}

__attribute__((noinline)) Captured RealignedAlloca(const Body& body, size_t size) {
  alignas(128) volatile unsigned char room[128];
  volatile unsigned char* more = static_cast<unsigned char*>(alloca(size));
  room[0] = more[0] = 1;
  Captured captured = body();
  g_sink = room[0] + more[0];
  return captured;
}

__attribute__((noinline)) Captured Recursive(const Body& body, int depth) {
  if (depth == 0) return body();
  Captured captured = Recursive(body, depth - 1);
  g_sink = depth;
  return captured;
}

__attribute__((noinline)) Captured LargeFrame(const Body& body) {
  volatile unsigned char room[100000];
  room[99999] = 1;
  Captured captured = body();
  g_sink = room[99999];
  return captured;
}

TEST(WalkTest, EveryKindOfFrameWalksAsLibunwindDoes) {
  StackBounds bounds = BoundsOfThread();
  Body capture = [&] { return Capture(bounds); };
  for (int round = 0; round < 3; ++round) {  // cold, then by remembered callers
    ExpectEqualStacks(Plain(capture));
    ExpectEqualStacks(WithAlloca(capture, 100 + static_cast<size_t>(round)));
    ExpectEqualStacks(Realigned(capture));
    ExpectEqualStacks(RealignedAlloca(capture, 500));
    ExpectEqualStacks(Recursive(capture, 50));
    ExpectEqualStacks(LargeFrame(capture));
    ExpectEqualStacks(Realigned([&] { return WithAlloca([&] { return Recursive(capture, 5); }, 64); }));
  }
}

TEST(WalkTest, UnknownBoundsWalkAlike) {
  Body capture = [] { return Capture({0, 0}); };
  for (int round = 0; round < 2; ++round) {
    ExpectEqualStacks(Plain(capture));
    ExpectEqualStacks(WithAlloca(capture, 5000));  // by frame pointer, over a page's end
    ExpectEqualStacks(RealignedAlloca(capture, 500));
    ExpectEqualStacks(Recursive(capture, 100));
    ExpectEqualStacks(LargeFrame(capture));
  }
}

TEST(WalkTest, ThreadsWalkAlike) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "libunwind's key destructor takes a mutex when TSan has left the thread already";
#endif
  std::thread([] {
    ExpectEqualStacks(Plain([] { return Capture(BoundsOfThread()); }));
    ExpectEqualStacks(Recursive([] { return Capture({0, 0}); }, 20));
  }).join();
}

extern "C" const char __start_own_code[], __stop_own_code[];

__attribute__((noinline, section("own_code"))) Captured Own(const Body& body) {
  Captured captured = body();
  g_sink = 1;
  return captured;
}

// The profiler's own functions that call the program's: no stack shows them, and hashes know nothing of them.
TEST(WalkTest, OwnFramesAreLeftOut) {
  StackBounds bounds = BoundsOfThread();
  Body capture = [&] { return Capture(bounds); };
  unwind::SetOwnCode(reinterpret_cast<uintptr_t>(__start_own_code),
                     reinterpret_cast<uintptr_t>(__stop_own_code));
  auto is_own = [](uintptr_t pc) {
    return pc > reinterpret_cast<uintptr_t>(__start_own_code) &&
           pc <= reinterpret_cast<uintptr_t>(__stop_own_code);
  };
  UnwindCacheModulesChanged();
  std::vector<uint64_t> hashes;
  for (int round = 0; round < 3; ++round) {
    const Captured captured = Plain([&] { return Own([&] { return Plain([&] { return Own(capture); }); }); });
    EXPECT_FALSE(captured.result.truncated);
    size_t at = 0;
    for (size_t i = 0; i < captured.theirs.size() && at < captured.ours.size(); ++i) {
      if (is_own(captured.theirs[i])) continue;
      EXPECT_EQ(captured.ours[at], captured.theirs[i]) << "frame " << i;
      ++at;
    }
    EXPECT_EQ(at, captured.ours.size());
    EXPECT_LE(captured.ours.size() + 2, captured.theirs.size());
    hashes.push_back(captured.result.hash);
  }
  EXPECT_EQ(hashes[0], hashes[1]);
  // The hash is that of the PCs that are left, from the root on.
  const Captured last = Own(capture);
  uint64_t hash = kMax;
  for (size_t i = last.ours.size(); i > 0; --i) hash = (hash ^ last.ours[i - 1]) * 0xd6e8feb86659fd93;
  EXPECT_EQ(last.result.hash, hash ^ (hash >> 32));
  unwind::SetOwnCode(0, 0);
  UnwindCacheModulesChanged();
}

TEST(WalkTest, LibraryCodeCallsBackThrough) {
  StackBounds bounds = BoundsOfThread();
  static StackBounds s_bounds;
  static Captured s_captured;
  s_bounds = bounds;
  int values[2] = {2, 1};
  qsort(values, 2, sizeof(int), [](const void*, const void*) {
    s_captured = Capture(s_bounds);
    return 0;
  });
  ExpectEqualStacks(s_captured);
  std::vector<int> sorted = {3, 1, 2};
  std::sort(sorted.begin(), sorted.end(), [&](int a, int b) {
    s_captured = Capture(bounds);
    return a < b;
  });
  ExpectEqualStacks(s_captured);
}

StackBounds g_handler_bounds;
Captured g_in_handler;

TEST(WalkTest, ASignalFrameIsSteppedThroughAndNoticed) {
  g_handler_bounds = BoundsOfThread();
  struct sigaction action = {}, old_action;
  action.sa_handler = [](int) { g_in_handler = Capture(g_handler_bounds); };
  sigaction(SIGUSR1, &action, &old_action);
  raise(SIGUSR1);
  sigaction(SIGUSR1, &old_action, nullptr);
  EXPECT_TRUE(g_in_handler.result.in_handler);
  ExpectEqualStacks(g_in_handler);
  EXPECT_FALSE(Capture(g_handler_bounds).result.in_handler);
}

TEST(WalkTest, ASignalOnAnAlternateStackComesBackToTheThreadsStack) {
  g_handler_bounds = BoundsOfThread();
  std::vector<char> memory(256 << 10);
  stack_t alternate = {memory.data(), 0, memory.size()}, old_stack;
  sigaltstack(&alternate, &old_stack);
  struct sigaction action = {}, old_action;
  action.sa_flags = SA_ONSTACK;
  action.sa_handler = [](int) { g_in_handler = Capture(g_handler_bounds); };
  sigaction(SIGUSR1, &action, &old_action);
  raise(SIGUSR1);
  sigaction(SIGUSR1, &old_action, nullptr);
  sigaltstack(&old_stack, nullptr);
  ExpectEqualStacks(g_in_handler);
}

ucontext_t g_main_context, g_coroutine_context;
Captured g_in_coroutine;

TEST(WalkTest, ACoroutinesStackEndsWhereItBegins) {
  std::vector<char> memory(64 << 10);
  getcontext(&g_coroutine_context);
  g_coroutine_context.uc_stack.ss_sp = memory.data();
  g_coroutine_context.uc_stack.ss_size = memory.size();
  g_coroutine_context.uc_link = &g_main_context;
  makecontext(
      &g_coroutine_context, [] { g_in_coroutine = Recursive([] { return Capture(g_handler_bounds); }, 5); },
      0);
  g_handler_bounds = BoundsOfThread();
  swapcontext(&g_main_context, &g_coroutine_context);
  ASSERT_GE(g_in_coroutine.ours.size(), 6u);
  ASSERT_LE(g_in_coroutine.ours.size(), g_in_coroutine.theirs.size() + 1);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(g_in_coroutine.ours[i], g_in_coroutine.theirs[i]) << i;
}

// Pages that a walk took for code or data. What it found out is remembered for a while, so that the addresses
// are not to become another test's: they stay mapped.
void GiveUp(void* pages, size_t size) { EXPECT_EQ(mprotect(pages, size, PROT_NONE), 0); }

TEST(WalkTest, ACorruptStackEndsTheWalkAndIsMarked) {
  // A return address into real code with a stack that is nonsense, at the edge of unmapped memory.
  char* memory =
      static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(mprotect(memory + 4096, 4096, PROT_NONE), 0);
  uintptr_t known[kMax], pcs[kMax];
  WalkResult good = WalkStack(HEAPPROF_CALLER_FRAME(), BoundsOfThread(), known, kMax);
  ASSERT_GE(good.depth, 2u);
  for (int fill : {0x00, 0xff, 0x41}) {
    memset(memory, fill, 4096);
    for (uintptr_t sp :
         {reinterpret_cast<uintptr_t>(memory), reinterpret_cast<uintptr_t>(memory) + 4088,
          reinterpret_cast<uintptr_t>(memory) + 4096, uintptr_t{0}, uintptr_t{8}, UINTPTR_MAX - 7}) {
      for (uint32_t i = 0; i < good.depth; ++i) {
        WalkResult result = WalkStack({known[i], sp, sp}, {0, 0}, pcs, kMax);
        EXPECT_GE(result.depth, 1u);
        EXPECT_EQ(pcs[0], known[i]);
      }
    }
  }
  WalkResult lost = WalkStack({known[0], 8, 8}, {0, 0}, pcs, kMax);
  EXPECT_TRUE(lost.truncated);
  GiveUp(memory, 8192);
}

TEST(WalkTest, AStackThatNamesItselfIsNoEndlessWalk) {
  // Code without CFI, frame pointers in a circle.
  uintptr_t frames[8];
  auto at = [&](int i) { return reinterpret_cast<uintptr_t>(&frames[i]); };
  char* code =
      static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  auto pc = reinterpret_cast<uintptr_t>(code) + 100;
  frames[0] = at(2);
  frames[1] = pc;
  frames[2] = at(0);
  frames[3] = pc;
  uintptr_t pcs[kMax];
  WalkResult result = WalkStack({pc, at(0), at(0)}, BoundsOfThread(), pcs, kMax);
  EXPECT_TRUE(result.truncated);
  EXPECT_LE(result.depth, 3u);
  GiveUp(code, 4096);
}

TEST(WalkTest, CodeWithoutCfiAndAFramePointerOfZeroIsTheOutermostFrame) {
  // node's _start, and ld.so's own.
  char* code =
      static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  uintptr_t stack[4] = {1, 2, 3, 4}, pcs[kMax];
  WalkResult result =
      WalkStack({reinterpret_cast<uintptr_t>(code) + 100, reinterpret_cast<uintptr_t>(stack), 0},
                BoundsOfThread(), pcs, kMax);
  EXPECT_EQ(result.depth, 1u);
  EXPECT_FALSE(result.truncated);
  GiveUp(code, 4096);
}

#if defined(__x86_64__)
TEST(WalkTest, AReturnAddressOfZeroIsNoCaller) {
  // At a function's first instruction the CFA is rsp + 8.
  const uintptr_t pc = reinterpret_cast<uintptr_t>(&qsort) + 1;
  uintptr_t stack[4] = {pc, pc, 0, pc}, pcs[kMax];
  auto walk = [&](uint32_t max) {
    return WalkStack({pc, reinterpret_cast<uintptr_t>(stack), 0}, BoundsOfThread(), pcs, max);
  };
  UnwindCacheModulesChanged();
  const WalkResult cold = walk(kMax), warm = walk(kMax);
  for (const WalkResult& result : {cold, warm, walk(3), walk(4)}) {
    EXPECT_EQ(result.depth, 3u);
    EXPECT_FALSE(result.truncated);
  }
  EXPECT_EQ(cold.hash, warm.hash);
  stack[0] = 0;
  EXPECT_EQ(walk(kMax).depth, 1u);
  EXPECT_NE(walk(kMax).hash, cold.hash);
}
#endif

TEST(WalkTest, TheLimitOfFramesIsNoTruncation) {
  uintptr_t pcs[4];
  WalkResult result = WalkStack(HEAPPROF_CALLER_FRAME(), BoundsOfThread(), pcs, 2);
  EXPECT_EQ(result.depth, 2u);
  EXPECT_FALSE(result.truncated);
}

TEST(WalkTest, ErrnoIsLeftAlone) {
  uintptr_t pcs[kMax];
  UnwindCacheModulesChanged();
  errno = 1234;
  WalkStack(HEAPPROF_CALLER_FRAME(), {0, 0}, pcs, kMax);
  EXPECT_EQ(errno, 1234);
}

}  // namespace
}  // namespace heapprof
