// SPDX-License-Identifier: Apache-2.0
// Code without unwind tables that each program or library has: executed one instruction at a time by the
// processor's trap flag, it must lead to its caller from each.
#include "sampling/unwind/bare_code.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <set>
#include <vector>

#include "sampling/unwind/rule_cache.h"
#include "sampling/unwind/walk.h"
#include "tests/support/thread_bounds.h"

extern "C" {
// crti.o's and crtn.o's.
void _init();
void _fini();
// As others write them.
void BareInit();
void BareInitEnd();
void BareMusl();
void BareMuslEnd();
void BarePlt();
void BarePltEnd();
void BarePltLazy();
void BareMold();
void BareMoldEnd();
void BareMoldLazy();
void BareUnknown();
void BareUnknownEnd();
void BareResolver();
__attribute__((noinline)) void BareCallee() {}
uintptr_t bare_slot, bare_got[3];
void TrapOnBare();
void TrapOffBare();
}
asm(R"(
  .text
  .p2align 4
BareInit:  # a crti.o made for CET, and a program made for gprof
  endbr64
  sub $8, %rsp
  mov BareCalleeAt(%rip), %rax
  test %rax, %rax
  je 1f
  call *%rax
1:
  add $8, %rsp
  ret
BareInitEnd:
  .p2align 4
BareMusl:
  push %rax
  call BareCallee
  pop %rax
  ret
BareMuslEnd:
  .p2align 4
BarePltHead:  # lld's
  push bare_got+8(%rip)
  jmp *bare_got+16(%rip)
  .p2align 4
BarePlt:
  endbr64
  jmp *bare_slot(%rip)
BarePltLazy:
  .byte 0x68  # push $0, and a jump, both in their long forms
  .long 0
  .byte 0xe9
  .long BarePltHead - . - 4
BarePltEnd:
  .p2align 4
BareMoldHead:
  endbr64
  push %r11
  push bare_got+8(%rip)
  jmp *bare_got+16(%rip)
BareMold:
  endbr64
BareMoldLazy:
  mov $0, %r11d
  jmp *bare_slot(%rip)
BareMoldEnd:
  .p2align 4
BareUnknown:
  mov %rbx, %rax
  ret
BareUnknownEnd:
BareResolver:
  .cfi_startproc
  .cfi_adjust_cfa_offset 16
  add $16, %rsp
  .cfi_adjust_cfa_offset -16
  ret
  .cfi_endproc
TrapOnBare:
  .cfi_startproc
  pushfq
  .cfi_adjust_cfa_offset 8
  orq $0x100, (%rsp)
  popfq
  .cfi_adjust_cfa_offset -8
  ret
  .cfi_endproc
TrapOffBare:
  .cfi_startproc
  pushfq
  .cfi_adjust_cfa_offset 8
  andq $~0x100, (%rsp)
  popfq
  .cfi_adjust_cfa_offset -8
  ret
  .cfi_endproc
  .section .data.rel.ro, "aw"
BareCalleeAt: .quad BareCallee
  .text
)");

namespace heapprof {
namespace {

using unwind::WordsBelowCaller;

constexpr uint32_t kMax = 64;

// Written by the handler alone.
StackBounds g_bounds;
uintptr_t g_outer[kMax];
uint32_t g_outer_depth;
uint32_t g_inner;  // frames up to StepThrough's own, this one included
uintptr_t g_lo, g_hi;
uintptr_t g_good[kMax], g_bad[kMax];
uint32_t g_good_count, g_bad_count;

void OnTrap(int, siginfo_t*, void* context) {
  const auto* interrupted = static_cast<ucontext_t*>(context);
  const auto pc = static_cast<uintptr_t>(interrupted->uc_mcontext.gregs[REG_RIP]);
  if (pc < g_lo || pc >= g_hi) return;
  uintptr_t pcs[kMax];
  const WalkResult walk = WalkStackFromContext(*interrupted, g_bounds, pcs, kMax);
  const bool good = !walk.truncated && walk.depth == g_inner + g_outer_depth && pcs[0] == pc &&
                    memcmp(pcs + g_inner, g_outer, g_outer_depth * sizeof(*pcs)) == 0;
  if (good && g_good_count < kMax) g_good[g_good_count++] = pc;
  if (!good && g_bad_count < kMax) g_bad[g_bad_count++] = pc;
}

__attribute__((noinline)) void StepThrough(void (*function)()) {
  g_outer_depth = WalkStack(HEAPPROF_CALLER_FRAME(), g_bounds, g_outer, kMax).depth;
  TrapOnBare();
  function();
  TrapOffBare();
}

class BareCodeTest : public testing::Test {
 protected:
  void SetUp() override {
    g_bounds = test::BoundsOfThread();
    struct sigaction action = {};
    action.sa_sigaction = OnTrap;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGTRAP, &action, &old_);
  }
  void TearDown() override { sigaction(SIGTRAP, &old_, nullptr); }
  // `instructions`: how many of [lo, hi) are executed. `inner`: 2 for a function that is called, 3 for one
  // that it calls.
  static void ExpectCallers(void (*function)(), uintptr_t lo, uintptr_t hi, uint32_t instructions,
                            uint32_t inner = 2) {
    g_inner = inner;
    g_lo = lo;
    g_hi = hi;
    g_good_count = g_bad_count = 0;
    StepThrough(function);
    EXPECT_EQ(g_good_count, instructions);
    for (uint32_t i = 0; i < g_bad_count; ++i) ADD_FAILURE() << "lost at +" << g_bad[i] - lo;
  }
  struct sigaction old_;
};

uintptr_t At(void (*function)()) { return reinterpret_cast<uintptr_t>(function); }

TEST_F(BareCodeTest, InitAndFiniOfThisProgram) {
  // sub, mov, test, je, add, ret; sub, add, ret. With endbr64 in front where the compiler writes that.
  constexpr unsigned char kEndbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
  const uint32_t endbr = memcmp(reinterpret_cast<const void*>(At(_init)), kEndbr, sizeof(kEndbr)) == 0;
  ExpectCallers(_init, At(_init), At(_init) + 27, 6 + endbr);
  ExpectCallers(_fini, At(_fini), At(_fini) + 13, 3 + endbr);
}

TEST_F(BareCodeTest, InitOfOthers) {
  ExpectCallers(BareInit, At(BareInit), At(BareInitEnd), 8);
  ExpectCallers(BareMusl, At(BareMusl), At(BareMuslEnd), 4);
}

TEST_F(BareCodeTest, WhatInitCalls) {
  for (auto* init : {BareInit, BareMusl}) ExpectCallers(init, At(BareCallee), At(BareCallee) + 1, 1, 3);
}

TEST_F(BareCodeTest, PltWithoutTables) {
  bare_got[2] = At(BareResolver);
  bare_slot = At(BareCallee);
  ExpectCallers(BarePlt, At(BarePlt), At(BarePltEnd), 2);
  ExpectCallers(BareMold, At(BareMold), At(BareMoldEnd), 3);
  // Not bound yet: entry and head.
  bare_slot = At(BarePltLazy);
  ExpectCallers(BarePlt, At(BarePlt) - 16, At(BarePltEnd), 6);
  constexpr uintptr_t kHead = 18;
  bare_slot = At(BareMold) - kHead;
  ExpectCallers(BareMold, At(BareMold) - kHead, At(BareMoldEnd), 7);
}

TEST_F(BareCodeTest, OtherCodeIsNotGuessedAt) {
  EXPECT_EQ(WordsBelowCaller(At(BareUnknown)), -1);
  EXPECT_EQ(WordsBelowCaller(At(BareUnknown) + 3), 0);
}

TEST_F(BareCodeTest, CodeThatIsCutOff) {
  const std::vector<unsigned char> init = {0x48, 0x83, 0xec, 0x08, 0x48, 0x83, 0xc4, 0x08, 0xc3};
  EXPECT_EQ(WordsBelowCaller(init.data(), 0, init.size()), 0);
  EXPECT_EQ(WordsBelowCaller(init.data() + 4, 4, init.size() - 4), 1);
  for (size_t size = 0; size < init.size(); ++size) {
    const std::vector<unsigned char> part(init.begin(), init.begin() + static_cast<long>(size));
    EXPECT_EQ(WordsBelowCaller(part.data(), 0, size), -1);
  }
  // More taken off than there was.
  const std::vector<unsigned char> jump = {0x48, 0x83, 0xec, 0x08, 0xff, 0x25, 0, 0, 0, 0};
  EXPECT_EQ(WordsBelowCaller(jump.data(), 0, jump.size()), -1);
}

TEST_F(BareCodeTest, AtTheEdgesOfMappings) {
  constexpr size_t kPage = 4096;
  auto* memory = static_cast<unsigned char*>(
      mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  const auto page = reinterpret_cast<uintptr_t>(memory) + kPage;
  memory[kPage] = memory[2 * kPage - 1] = 0xc3;
  EXPECT_EQ(WordsBelowCaller(page), 0);
  mprotect(memory, kPage, PROT_NONE);
  mprotect(memory + 2 * kPage, kPage, PROT_NONE);
  EXPECT_EQ(WordsBelowCaller(page), 0);
  EXPECT_EQ(WordsBelowCaller(page + kPage - 1), 0);
  EXPECT_EQ(WordsBelowCaller(page + kPage), -1);
  munmap(memory, 3 * kPage);
}

// Each look is a system call, and programs come by the same code without tables again and again.
TEST_F(BareCodeTest, WhatIsOtherCodeIsNotLookedAtAgainUntilModulesChange) {
  constexpr size_t kPage = 4096;
  auto* memory = static_cast<unsigned char*>(
      mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  const auto pc = reinterpret_cast<uintptr_t>(memory) + 64;
  EXPECT_EQ(WordsBelowCaller(pc), -1);
  memory[64] = 0xc3;
  EXPECT_EQ(WordsBelowCaller(pc), -1) << "looked at again";
  unwind::StartNewGeneration();
  EXPECT_EQ(WordsBelowCaller(pc), 0);
  munmap(memory, kPage);
}

}  // namespace
}  // namespace heapprof
