// SPDX-License-Identifier: Apache-2.0
// Functions executed one instruction at a time by the processor's trap flag: at each, the walk from the
// interrupted registers must be libunwind's. Where libunwind itself loses the way (it takes the return
// address of a call at a function's end for the next function's), ours must lead to the frames of the test.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unwind.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <atomic>
#include <string>
#include <vector>

#include "sampling/unwind/last_walk.h"
#include "sampling/unwind/walk.h"
#include "tests/support/single_steps.h"
#include "tests/support/thread_bounds.h"

#define VARIANT(name) extern "C" int Stepped_##name();
#include "stepped_variants.inc"
#undef VARIANT

namespace heapprof {
namespace {

constexpr uint32_t kMax = 64;

struct Difference {
  uint32_t ours_depth, theirs_depth;
  uintptr_t ours[kMax], theirs[kMax];
};

// Written by the handler alone.
StackBounds g_bounds;
uintptr_t g_outer[kMax];  // the callers of the test's body
uint32_t g_outer_depth;
dl_find_object g_libgcc;
uint64_t g_steps, g_equal, g_only_ours, g_nobodys;
constexpr uint64_t kMaxDifferences = 64;
Difference g_differences[kMaxDifferences];
uint64_t g_different;
// The same for the walk from the interrupted function's caller on, which remembers that of the instruction
// before.
LastWalk g_last;
uint64_t g_remembered, g_remembered_otherwise;

void WalkFromCaller(unw_cursor_t* cursor) {
  unw_word_t pc, sp, fp;
  if (unw_step(cursor) <= 0 || unw_get_reg(cursor, UNW_REG_IP, &pc) != 0 ||
      unw_get_reg(cursor, UNW_REG_SP, &sp) != 0 || unw_get_reg(cursor, UNW_X86_64_RBP, &fp) != 0)
    return;
  const CallerFrame caller = {pc, sp, fp};
  WalkResult again;
  if (!g_last.Walk(caller, g_bounds, kMax, &again)) return;
  ++g_remembered;
  uintptr_t pcs[kMax];
  const WalkResult walk = WalkStack(caller, g_bounds, pcs, kMax);
  bool equal = walk.depth == again.depth && walk.truncated == again.truncated && walk.hash == again.hash;
  const uintptr_t* leaf = g_last.leaf();
  for (ptrdiff_t i = 0; equal && i < static_cast<ptrdiff_t>(walk.depth); ++i)
    equal = pcs[i] == leaf[i * LastWalk::kPcStride];
  if (!equal) ++g_remembered_otherwise;
}

void OnTrap(int, siginfo_t*, void* context) {
  auto* interrupted = static_cast<ucontext_t*>(context);
  uintptr_t ours[kMax], theirs[kMax];
  WalkResult walk = WalkStackFromContext(*interrupted, g_bounds, ours, kMax);
  unw_cursor_t cursor;
  uint32_t depth = 0;
  if (unw_init_local2(&cursor, interrupted, UNW_INIT_SIGNAL_FRAME) == 0) {
    do {
      unw_word_t pc;
      if (unw_get_reg(&cursor, UNW_REG_IP, &pc) != 0 || pc == 0) break;
      theirs[depth++] = pc;
    } while (depth < kMax && unw_step(&cursor) > 0);
  }
  if (unw_init_local2(&cursor, interrupted, UNW_INIT_SIGNAL_FRAME) == 0) WalkFromCaller(&cursor);
  ++g_steps;
  auto leads_to_the_test = [](const uintptr_t* pcs, uint32_t count) {
    dl_find_object module;
    for (uint32_t i = 0; i < count; ++i) {
      if (_dl_find_object(reinterpret_cast<void*>(pcs[i]), &module) != 0) return false;  // nobody's code
    }
    return count > g_outer_depth &&
           memcmp(pcs + count - g_outer_depth, g_outer, g_outer_depth * sizeof(*pcs)) == 0;
  };
  const auto size_of_libgcc = static_cast<uintptr_t>(static_cast<char*>(g_libgcc.dlfo_map_end) -
                                                     static_cast<char*>(g_libgcc.dlfo_map_start));
  if (walk.depth == depth && memcmp(ours, theirs, depth * sizeof(uintptr_t)) == 0) {
    ++g_equal;
  } else if (!leads_to_the_test(theirs, depth) && leads_to_the_test(ours, walk.depth)) {
    ++g_only_ours;
  } else if (!leads_to_the_test(theirs, depth) &&
             ours[0] - reinterpret_cast<uintptr_t>(g_libgcc.dlfo_map_start) < size_of_libgcc) {
    ++g_nobodys;
  } else {
    if (g_different < kMaxDifferences) {
      Difference* difference = &g_differences[g_different];
      difference->ours_depth = walk.depth;
      difference->theirs_depth = depth;
      memcpy(difference->ours, ours, sizeof(ours));
      memcpy(difference->theirs, theirs, sizeof(theirs));
    }
    ++g_different;
  }
}

std::string Name(uintptr_t pc) {
  Dl_info info;
  char text[300];
  if (dladdr(reinterpret_cast<void*>(pc), &info) == 0) return "?";
  const char* file = strrchr(info.dli_fname, '/');
  snprintf(text, sizeof(text), "%s(%s+%zx)+%zx", file != nullptr ? file + 1 : info.dli_fname,
           info.dli_sname != nullptr ? info.dli_sname : "",
           info.dli_saddr != nullptr ? pc - reinterpret_cast<uintptr_t>(info.dli_saddr) : 0,
           pc - reinterpret_cast<uintptr_t>(info.dli_fbase));
  return text;
}

std::string Text(const Difference& difference) {
  uint32_t at = 0;
  while (at < difference.ours_depth && at < difference.theirs_depth &&
         difference.ours[at] == difference.theirs[at]) {
    ++at;
  }
  std::string text = "equal up to frame " + std::to_string(at) + ", from " + Name(difference.ours[0]);
  if (at > 0) text += "\n  last equal " + Name(difference.ours[at - 1]);
  auto rest = [&](const char* who, const uintptr_t* pcs, uint32_t depth) {
    text += std::string("\n  ") + who + " (" + std::to_string(depth) + ")";
    for (uint32_t i = at; i < depth && i < at + 3; ++i) text += " " + Name(pcs[i]);
  };
  rest("ours", difference.ours, difference.ours_depth);
  rest("theirs", difference.theirs, difference.theirs_depth);
  return text;
}

struct Variant {
  const char* name;
  int (*run)();
};

class SteppedTest : public testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    g_bounds = test::BoundsOfThread();
    g_steps = g_equal = g_only_ours = g_nobodys = g_different = 0;
    g_remembered = g_remembered_otherwise = 0;
    ASSERT_EQ(_dl_find_object(reinterpret_cast<void*>(&_Unwind_RaiseException), &g_libgcc), 0);
    struct sigaction action = {};
    action.sa_sigaction = OnTrap;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGTRAP, &action, &old_);
  }
  void TearDown() override { sigaction(SIGTRAP, &old_, nullptr); }
  struct sigaction old_;
};

TEST_P(SteppedTest, EveryInstructionWalksAsLibunwindDoes) {
  g_outer_depth = WalkStack(HEAPPROF_CALLER_FRAME(), g_bounds, g_outer, kMax).depth;
  TrapOn();
  GetParam().run();
  TrapOff();
  EXPECT_GE(g_steps, 5000u);
  EXPECT_EQ(g_different, 0u);
  EXPECT_GE(g_equal, g_steps - g_steps / 100);
  EXPECT_LE(g_nobodys, 100u);
  EXPECT_EQ(g_remembered_otherwise, 0u);
  EXPECT_GE(g_remembered, g_steps / 4);  // not through the loader's resolver
  RecordProperty("steps", static_cast<int>(g_steps));
  RecordProperty("libunwind_lost", static_cast<int>(g_only_ours));
  RecordProperty("nobody_can", static_cast<int>(g_nobodys));
  for (uint64_t i = 0; i < std::min<uint64_t>(g_different, 5); ++i) ADD_FAILURE() << Text(g_differences[i]);
}

constexpr Variant kVariants[] = {
#define VARIANT(name) {#name, Stepped_##name},
#include "stepped_variants.inc"
#undef VARIANT
};
INSTANTIATE_TEST_SUITE_P(Compilers, SteppedTest, testing::ValuesIn(kVariants),
                         [](const testing::TestParamInfo<Variant>& info) { return info.param.name; });

}  // namespace
}  // namespace heapprof
