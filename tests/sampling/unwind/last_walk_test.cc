// SPDX-License-Identifier: Apache-2.0
// The walk that remembers the last one against the walk that does not, and against libunwind's.
#include "sampling/unwind/last_walk.h"

#include <alloca.h>
#include <gtest/gtest.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "sampling/module_watch.h"
#include "tests/sampling/unwind/jit_tables.h"
#include "tests/support/thread_bounds.h"

namespace heapprof {
namespace {

constexpr uint32_t kMax = 96;

// One for each test; what it said of all the stacks that it was asked for.
struct Seen {
  std::unique_ptr<LastWalk> last = std::make_unique<LastWalk>();
  StackBounds bounds = test::BoundsOfThread();
  int remembered = 0, left = 0, different = 0;
  uint32_t depth = 0;  // of the last one
};
Seen* g_seen;
volatile int g_sink;

// Both walks from the caller of this function.
__attribute__((noinline)) void Compare() {
  uintptr_t pcs[kMax];
  const CallerFrame start = HEAPPROF_CALLER_FRAME();
  WalkResult again;
  const bool remembered = g_seen->last->Walk(start, g_seen->bounds, kMax, &again);
  const WalkResult walk = WalkStack(start, g_seen->bounds, pcs, kMax);
  g_seen->depth = walk.depth;
  if (!remembered) {
    ++g_seen->left;
    return;
  }
  ++g_seen->remembered;
  bool equal = walk.truncated == again.truncated && walk.in_handler == again.in_handler &&
               walk.depth == again.depth && walk.hash == again.hash;
  const uintptr_t* pc = g_seen->last->leaf();
  for (uint32_t i = 0; equal && i < walk.depth; ++i, pc += LastWalk::kPcStride) equal = *pc == pcs[i];
  g_seen->different += equal ? 0 : 1;
}

// Twice, as a loop of the program would.
__attribute__((noinline)) void CompareTwice() {
  for (int i = 0; i < 2; ++i) Compare();
  g_sink = 0;
}

class LastWalkTest : public testing::Test {
 protected:
  void SetUp() override { g_seen = &seen_; }
  void TearDown() override {
    EXPECT_EQ(seen_.different, 0);
    g_seen = nullptr;
  }
  Seen seen_;
};

// Frames of many kinds, in which the next is chosen by the bits of `path`: some have the same size, so that
// the same call stands at the same place below different callers.
void Next(uint64_t path, int depth);

template <int kSize>
__attribute__((noinline)) void Fixed(uint64_t path, int depth) {
  volatile unsigned char room[kSize];
  room[0] = 1;
  Next(path, depth);
  g_sink = room[0];
}

__attribute__((noinline)) void Allocating(uint64_t path, int depth) {
  volatile unsigned char* room = static_cast<unsigned char*>(alloca(16 + path % 5 * 16));
  room[0] = 1;
  Next(path, depth);
  g_sink = room[0];
}

__attribute__((noinline)) void Aligned(uint64_t path, int depth) {
  alignas(64) volatile unsigned char room[64];
  room[0] = 1;
  Next(path, depth);
  g_sink = room[0];
}

// A frame of unknown size is found by rbp.
__attribute__((noinline)) void WithFramePointer(uint64_t path, int depth) {
  volatile unsigned char* room = static_cast<unsigned char*>(alloca(16 + path % 16 / 16));
  room[0] = 1;
  Next(path, depth);
  g_sink = room[0];
}

// Uses rbp for something else, and changes it between two calls from the same place.
__attribute__((noinline)) void Looping(uint64_t path, int depth) {
  for (uint64_t i = 0; i < 2; ++i) {
    asm volatile("" : : : "rbx", "r12", "r13", "r14", "r15");
    Next(path + i, depth);
  }
}

// Builds with frame pointers (of sanitizers, of some distributions) do not give rbp away.
#ifdef __clang__
#define WITHOUT_FRAME_POINTER
#else
#define WITHOUT_FRAME_POINTER __attribute__((optimize("omit-frame-pointer")))
#endif

// A large frame, and rbp saved far from its end.
WITHOUT_FRAME_POINTER __attribute__((noinline)) void SavedFarAway(uint64_t path, int depth) {
  asm volatile("" : : : "rbp");
  volatile unsigned char room[10000];
  room[0] = 1;
  Next(path, depth);
  asm volatile("" : : : "rbp");
  g_sink = room[0];
}

__attribute__((noinline)) void Throwing(uint64_t path, int depth) {
  try {
    Next(path, depth);
    if (path % 3 == 0) throw std::runtime_error("caught above");
  } catch (const std::runtime_error&) {
    Next(path, depth > 0 ? depth - 1 : 0);
  }
}

jmp_buf g_jump;
__attribute__((noinline)) void Jumping(uint64_t path, int depth) {
  jmp_buf outer;
  memcpy(&outer, &g_jump, sizeof(outer));
  if (setjmp(g_jump) == 0) {
    Next(path, depth);
    if (path % 2 == 0) longjmp(g_jump, 1);
  }
  memcpy(&g_jump, &outer, sizeof(outer));
  Compare();
  g_sink = 1;
}

__attribute__((noinline)) void Next(uint64_t path, int depth) {
  if (depth == 0) {
    CompareTwice();
    return;
  }
  using Function = void (*)(uint64_t, int);
  constexpr Function kFunctions[] = {
      Fixed<16>, Fixed<32>, Fixed<160>, Allocating, Aligned,   Looping,     WithFramePointer, Throwing,
      Jumping,   Fixed<64>, Fixed<17>,  Fixed<8>,   Fixed<48>, Fixed<9000>, WithFramePointer, SavedFarAway};
  kFunctions[path % 16](path / 16, depth - 1);
  g_sink = depth;
}

uint64_t Random() {
  static uint64_t state = 88172645463325252;
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

TEST_F(LastWalkTest, RandomStacksOfAllKindsOfFrames) {
  for (int i = 0; i < 4000; ++i) Next(Random(), static_cast<int>(Random() % 9));
  EXPECT_GE(seen_.remembered, 4000);
}

TEST_F(LastWalkTest, SmallStepsFromOneStackToTheNext) {
  uint64_t path = Random() & ~uint64_t{0xf0f0f0f0f0f0};
  for (int i = 0; i < 4000; ++i) {
    path ^= (Random() & 3) << (4 * (Random() % 8));
    Next(path & 0x3333333333333333, 8);
  }
  EXPECT_GE(seen_.remembered, 7000);
}

// A caller's frame of the same size lies at the same place: only the word above tells them apart.
__attribute__((noinline)) void CallerOne(void (*then)()) {
  then();
  g_sink = 1;
}
__attribute__((noinline)) void CallerTwo(void (*then)()) {
  then();
  g_sink = 2;
}
TEST_F(LastWalkTest, OtherCallersOfTheSameSize) {
  for (int i = 0; i < 50; ++i) {
    const bool one = Random() % 2 == 0;
    (one ? CallerOne : CallerTwo)([] { Fixed<32>(0, 2); });
  }
  EXPECT_GE(seen_.remembered, 90);
}

// Where a function that keeps rbp has called: found in a walk from one.
uintptr_t g_pc_by_fp;
__attribute__((noinline)) void NotePcByFp() {
  g_pc_by_fp = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
}
__attribute__((noinline)) void CallByFp(size_t size) {
  volatile unsigned char* room = static_cast<unsigned char*>(alloca(size));
  room[0] = 1;
  NotePcByFp();
  g_sink = room[0];
}

// The saved rbp of a frame changes where it lies, and with it where the frame above begins, while the return
// addresses stay: as after a switch of stacks in place.
TEST_F(LastWalkTest, AStackOfTheProgramsOwnMaking) {
  struct Room {
    uintptr_t words[64];
  } room = {};
  const auto at = [&](int i) { return reinterpret_cast<uintptr_t>(&room.words[i]); };
  volatile size_t size = 16;
  CallByFp(size);
  const uintptr_t pc = g_pc_by_fp;
  const StackBounds bounds = {at(0), at(64)};
  // frame at 0: saved rbp at 10, two ways up: 20 or 30, each of which ends in a return address of zero.
  room.words[11] = room.words[21] = room.words[31] = pc;
  room.words[20] = at(40);
  room.words[30] = at(50);
  uintptr_t pcs[kMax];
  for (int round = 0; round < 20; ++round) {
    room.words[10] = round % 2 == 0 ? at(20) : at(30);
    room.words[41] = round % 3 == 0 ? pc : 0;
    room.words[40] = at(60);
    WalkResult again;
    ASSERT_TRUE(seen_.last->Walk({pc, at(0), at(10)}, bounds, kMax, &again));
    const WalkResult walk = WalkStack({pc, at(0), at(10)}, bounds, pcs, kMax);
    EXPECT_EQ(again.depth, walk.depth) << round;
    EXPECT_EQ(again.hash, walk.hash) << round;
  }
}

ucontext_t g_main, g_coroutine;
TEST_F(LastWalkTest, CoroutinesAreLeftAlone) {
  static std::vector<char> stack(65536);
  ASSERT_EQ(getcontext(&g_coroutine), 0);
  g_coroutine.uc_stack.ss_sp = stack.data();
  g_coroutine.uc_stack.ss_size = stack.size();
  g_coroutine.uc_link = &g_main;
  makecontext(
      &g_coroutine,
      [] {
        for (int i = 0; i < 20; ++i) {
          Fixed<32>(Random() & 0x3333, 3);
          swapcontext(&g_coroutine, &g_main);
        }
      },
      0);
  for (int i = 0; i < 20; ++i) {
    Fixed<32>(Random() & 0x3333, 3);
    swapcontext(&g_main, &g_coroutine);
  }
  EXPECT_GE(seen_.remembered, 40);
  EXPECT_GE(seen_.left, 40);
}

// On a stack of its own, and in its thread's: what the walk goes through there is more than a rule.
TEST_F(LastWalkTest, HandlersOfSignals) {
  static std::vector<char> alternative(65536);
  stack_t stack = {};
  stack.ss_sp = alternative.data();
  stack.ss_size = alternative.size();
  stack_t old_stack;
  ASSERT_EQ(sigaltstack(&stack, &old_stack), 0);
  for (int flags : {0, SA_ONSTACK}) {
    struct sigaction action = {}, old;
    action.sa_handler = [](int) { Fixed<32>(Random() & 0x3333, 3); };
    action.sa_flags = flags;
    sigaction(SIGUSR1, &action, &old);
    for (int i = 0; i < 40; ++i) {
      raise(SIGUSR1);
      Fixed<32>(Random() & 0x3333, 3);
    }
    sigaction(SIGUSR1, &old, nullptr);
  }
  sigaltstack(&old_stack, nullptr);
  EXPECT_GE(seen_.left, 80);
}

TEST_F(LastWalkTest, DeepStacksAreCutByTheOtherWalk) {
  struct Local {
    __attribute__((noinline)) static void Recurse(int depth) {
      if (depth > 0) Recurse(depth - 1);
      Compare();
      g_sink = depth;
    }
  };
  Local::Recurse(300);
  EXPECT_GE(seen_.left, 150);
  EXPECT_GE(seen_.remembered, 20);
}

// Code that goes, and other code at its address: not a word of the stack need have changed.
TEST_F(LastWalkTest, NothingIsKnownOfCodeThatWasThereBefore) {
  void* code = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(code, MAP_FAILED);
  const uintptr_t pc = reinterpret_cast<uintptr_t>(code) + 100;
  uintptr_t words[16] = {0, 0, 0, pc, 0, pc, 0, pc, 0};
  const auto at = [&](int i) { return reinterpret_cast<uintptr_t>(&words[i]); };
  for (unsigned char size : {16, 32, 16}) {
    const std::vector<unsigned char> tables = test::TablesOf(reinterpret_cast<uintptr_t>(code), size);
    const auto key = reinterpret_cast<uintptr_t>(tables.data());
    RegisterFrames(key, key, 0, 0);
    for (int i = 0; i < 2; ++i) {
      WalkResult walk;
      EXPECT_TRUE(seen_.last->Walk({pc, at(0), 0}, {at(0), at(16)}, kMax, &walk));
      EXPECT_EQ(walk.depth, size == 16 ? 1u : 3u) << i;
    }
    DeregisterFrames(key);
  }
  munmap(code, 4096);
}

// A step by rbp goes where the frame below has saved it: in frames of which the rule is short, and in others.
TEST_F(LastWalkTest, ASavedRbpIsReadWhereItsFrameHasIt) {
  volatile size_t room = 16;
  CallByFp(room);
  void* code = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(code, MAP_FAILED);
  const uintptr_t pc = reinterpret_cast<uintptr_t>(code) + 100;
  std::vector<uintptr_t> words(2200);
  const auto at = [&](size_t i) { return reinterpret_cast<uintptr_t>(&words[i]); };
  struct {
    unsigned words, below;
  } const frames[] = {{6, 2}, {6, 4}, {100, 63}, {100, 64}, {1023, 2}, {1024, 2}, {1100, 100}};
  for (const auto& frame : frames) {
    const std::vector<unsigned char> tables =
        test::TablesWithFp(reinterpret_cast<uintptr_t>(code), frame.words, frame.below);
    const auto key = reinterpret_cast<uintptr_t>(tables.data());
    RegisterFrames(key, key, 0, 0);
    const size_t end = frame.words;
    for (int round = 0; round < 12; ++round) {
      std::fill(words.begin(), words.end(), 0);
      const size_t next = end + 10 + 20 * static_cast<size_t>(round / 2 % 2);
      words[end - 1] = g_pc_by_fp;
      words[end - frame.below] = at(next);
      words[next + 1] = g_pc_by_fp;
      words[next] = at(next + 10);
      words[next + 11] = round % 3 == 0 ? g_pc_by_fp : 0;
      words[next + 10] = at(next + 20);
      WalkResult again;
      uintptr_t pcs[kMax];
      ASSERT_TRUE(seen_.last->Walk({pc, at(0), 0}, {at(0), at(words.size())}, kMax, &again));
      const WalkResult walk = WalkStack({pc, at(0), 0}, {at(0), at(words.size())}, pcs, kMax);
      EXPECT_EQ(again.depth, round % 3 == 0 ? 4u : 3u) << frame.words << " " << frame.below << " " << round;
      EXPECT_EQ(again.depth, walk.depth);
      EXPECT_EQ(again.hash, walk.hash);
    }
    DeregisterFrames(key);
  }
  munmap(code, 4096);
}

TEST_F(LastWalkTest, AThreadOnAnotherStack) {
  std::thread([this] {
    seen_.bounds = test::BoundsOfThread();
    for (int i = 0; i < 200; ++i) Fixed<32>(Random() & 0x3333333, 6);
  }).join();
  EXPECT_EQ(seen_.left, 0);
  EXPECT_GE(seen_.depth, 7u);
}

// What is not known of the stack's bounds is left to the walk that asks for each page.
TEST_F(LastWalkTest, UnknownBounds) {
  seen_.bounds = {0, 0};
  CompareTwice();
  EXPECT_EQ(seen_.left, 2);
}

}  // namespace
}  // namespace heapprof
