// SPDX-License-Identifier: Apache-2.0
// Functions in which each instruction is a breakpoint, until it is met: there the walk from the interrupted
// registers must be libunwind's. Where libunwind loses the way, and where return addresses are signed, which
// it does not know (1.6 even crashes), ours must lead to the frames of the test. aarch64 lets no process trap
// its own instructions one by one.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <string>
#include <vector>

#include "sampling/unwind/walk.h"
#include "tests/support/thread_bounds.h"

// The code of a variant is a section of its own.
#define VARIANT(name)              \
  extern "C" int Stepped_##name(); \
  extern "C" uint32_t __start_stepped_##name[], __stop_stepped_##name[];
#include "stepped_variants.inc"
#undef VARIANT

namespace heapprof {
namespace {

constexpr uint32_t kMax = 64, kBreakpoint = 0xd4200000;  // brk #0

struct Walked {
  uint32_t depth = 0;
  uintptr_t pcs[kMax];
};

// Written by the handler alone.
StackBounds g_bounds;
bool g_signed;   // return addresses are
Walked g_outer;  // the callers of the test's body
uint32_t *g_code, *g_end;
const uint32_t* g_saved;
uint64_t g_steps, g_equal, g_only_ours, g_different, g_strange;
Walked g_ours, g_theirs;  // of the first difference

bool LeadsToTheTest(const Walked& walk) {
  return walk.depth > g_outer.depth &&
         memcmp(walk.pcs + walk.depth - g_outer.depth, g_outer.pcs, g_outer.depth * sizeof(*walk.pcs)) == 0;
}

// libunwind's addresses but the first are those of the calls.
bool AreEqual(const Walked& ours, const Walked& theirs) {
  if (ours.depth != theirs.depth) return false;
  for (uint32_t i = 0; i < ours.depth; ++i) {
    if (ours.pcs[i] != theirs.pcs[i] && (i == 0 || ours.pcs[i] != theirs.pcs[i] + 1)) return false;
  }
  return true;
}

void OnTrap(int, siginfo_t*, void* context) {
  auto* interrupted = static_cast<ucontext_t*>(context);
  auto* at = reinterpret_cast<uint32_t*>(interrupted->uc_mcontext.pc);
  if (at < g_code || at >= g_end) {
    ++g_strange;
    interrupted->uc_mcontext.pc += sizeof(*at);
    return;
  }
  Walked ours, theirs;
  ours.depth = WalkStackFromContext(*interrupted, g_bounds, ours.pcs, kMax).depth;
  unw_cursor_t cursor;
  if (!g_signed &&
      unw_init_local2(&cursor, reinterpret_cast<unw_context_t*>(interrupted), UNW_INIT_SIGNAL_FRAME) == 0) {
    do {
      unw_word_t pc;
      if (unw_get_reg(&cursor, UNW_REG_IP, &pc) != 0 || pc == 0) break;
      theirs.pcs[theirs.depth++] = pc;
    } while (theirs.depth < kMax && unw_step(&cursor) > 0);
  }
  ++g_steps;
  if (AreEqual(ours, theirs)) {
    ++g_equal;
  } else if (!LeadsToTheTest(theirs) && LeadsToTheTest(ours)) {
    ++g_only_ours;
  } else if (g_different++ == 0) {
    g_ours = ours;
    g_theirs = theirs;
  }
  *at = g_saved[at - g_code];
  __builtin___clear_cache(reinterpret_cast<char*>(at), reinterpret_cast<char*>(at + 1));
}

std::string Text(const Walked& walk) {
  std::string text;
  for (uint32_t i = 0; i < walk.depth; ++i) {
    Dl_info info = {};
    char line[300];
    const bool known = dladdr(reinterpret_cast<void*>(walk.pcs[i]), &info) != 0;
    const auto base = known ? reinterpret_cast<uintptr_t>(info.dli_fbase) : 0;
    snprintf(line, sizeof(line), "\n  %s %s+%zx", known && info.dli_sname != nullptr ? info.dli_sname : "?",
             known ? info.dli_fname : "?", walk.pcs[i] - base);
    text += line;
  }
  return text;
}

struct Variant {
  const char* name;
  int (*run)();
  uint32_t *code, *end;
};

class PlantedTest : public testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    g_bounds = test::BoundsOfThread();
    g_steps = g_equal = g_only_ours = g_different = g_strange = 0;
    struct sigaction action = {};
    action.sa_sigaction = OnTrap;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGTRAP, &action, &old_);
  }
  void TearDown() override { sigaction(SIGTRAP, &old_, nullptr); }
  struct sigaction old_;
};

TEST_P(PlantedTest, EveryInstructionWalksAsLibunwindDoes) {
  const Variant& variant = GetParam();
  GetParam().run();  // what is bound at the first call is bound
  g_code = variant.code;
  g_end = variant.end;
  g_signed = std::string(variant.name).find("standard") != std::string::npos;
  const std::vector<uint32_t> saved(g_code, g_end);
  g_saved = saved.data();
  constexpr uintptr_t kPage = 65536;
  const auto low = reinterpret_cast<uintptr_t>(g_code) & ~(kPage - 1);
  const auto high = (reinterpret_cast<uintptr_t>(g_end) + kPage - 1) & ~(kPage - 1);
  auto* pages = reinterpret_cast<void*>(low);
  if (mprotect(pages, high - low, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
    GTEST_SKIP() << "code may not be written";
  g_outer.depth = WalkStack(HEAPPROF_CALLER_FRAME(), g_bounds, g_outer.pcs, kMax).depth;
  for (uint32_t* at = g_code; at < g_end; ++at) *at = kBreakpoint;
  __builtin___clear_cache(reinterpret_cast<char*>(g_code), reinterpret_cast<char*>(g_end));
  variant.run();
  memcpy(g_code, saved.data(), saved.size() * sizeof(uint32_t));
  __builtin___clear_cache(reinterpret_cast<char*>(g_code), reinterpret_cast<char*>(g_end));
  EXPECT_GE(g_steps, 250u);
  EXPECT_EQ(g_different, 0u) << "ours:" << Text(g_ours) << "\ntheirs:" << Text(g_theirs);
  EXPECT_EQ(g_strange, 0u);
  if (!g_signed) EXPECT_GE(g_equal, g_steps - g_steps / 20);
  printf("%s: %lu steps, %lu equal, %lu only ours\n", variant.name, g_steps, g_equal, g_only_ours);
}

const Variant kVariants[] = {
#define VARIANT(name) {#name, Stepped_##name, __start_stepped_##name, __stop_stepped_##name},
#include "stepped_variants.inc"
#undef VARIANT
};
INSTANTIATE_TEST_SUITE_P(Compilers, PlantedTest, testing::ValuesIn(kVariants),
                         [](const testing::TestParamInfo<Variant>& info) { return info.param.name; });

}  // namespace
}  // namespace heapprof
