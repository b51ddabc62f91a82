// SPDX-License-Identifier: Apache-2.0
// Single steps over recorded stacks: each equation of rule.h and of full_step, the stack read through a
// callback.
#include "sampling/unwind/step/step_x86_64.h"

#include <gtest/gtest.h>

#include <vector>

#include "sampling/unwind/step/full_step.h"
#include "sampling/unwind/step/rule_of_row.h"
#include "tests/sampling/unwind/recorded_stack.h"

namespace heapprof::unwind {
namespace {

using Recorded = RecordedStack;

constexpr uintptr_t kStack = 0x7ffc00001000, kCaller = 0x401234, kCallersFp = 0x7ffc00002000;

Rule SavedAt(Rule rule, int64_t b, bool at_fp) {
  EXPECT_TRUE(rule.SetFpSaved(b, at_fp));
  return rule;
}

TEST(StepTest, StackPointerPlusOffset) {
  Recorded stack{{{kStack + 24, kCaller}}};
  Registers r = {0x400000, kStack, kCallersFp};
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kSp, 32), &r, &stack), Step::kCalled);
  EXPECT_EQ(r.pc, kCaller);
  EXPECT_EQ(r.sp, kStack + 32);
  EXPECT_EQ(r.fp, kCallersFp);
}

TEST(StepTest, FramePointerAndItsSavedPlace) {
  Recorded stack{{{kStack + 0x100, kCallersFp}, {kStack + 0x108, kCaller}}};
  Registers r = {0x400000, kStack, kStack + 0x100};
  Rule rule = SavedAt(Rule::Of(Rule::kFp, 16), -16, false);
  EXPECT_TRUE(rule.is_plain_fp());
  EXPECT_EQ(StepByRule(rule, &r, &stack), Step::kCalled);
  EXPECT_EQ(r.pc, kCaller);
  EXPECT_EQ(r.sp, kStack + 0x110);
  EXPECT_EQ(r.fp, kCallersFp);
}

TEST(StepTest, RealignedFrame) {
  // CFA = *(rbp - 8), rbp at rbp + 0.
  Recorded stack{{{kStack + 0x38, kStack + 0x90}, {kStack + 0x40, kCallersFp}, {kStack + 0x88, kCaller}}};
  Registers r = {0x400000, kStack, kStack + 0x40};
  EXPECT_EQ(StepByRule(SavedAt(Rule::Of(Rule::kFpDeref, -8), 0, true), &r, &stack), Step::kCalled);
  EXPECT_EQ(r.pc, kCaller);
  EXPECT_EQ(r.sp, kStack + 0x90);
  EXPECT_EQ(r.fp, kCallersFp);
}

TEST(StepTest, PltEntryBeforeAndAfterItsPush) {
  Recorded stack{{{kStack, kCaller}, {kStack + 8, kCaller + 1}}};
  Registers before = {0x400003, kStack, 0}, after = {0x40000b, kStack, 0};
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kPlt, 11), &before, &stack), Step::kCalled);
  EXPECT_EQ(before.pc, kCaller);
  EXPECT_EQ(before.sp, kStack + 8);
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kPlt, 11), &after, &stack), Step::kCalled);
  EXPECT_EQ(after.pc, kCaller + 1);
  EXPECT_EQ(after.sp, kStack + 16);
}

TEST(StepTest, OutermostFrames) {
  Recorded stack{{{kStack, 0}}};
  Registers r = {0x400000, kStack, 0};
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kEnd), &r, &stack), Step::kEnd);
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kSp, 8), &r, &stack), Step::kEnd);  // a return address of 0
  Registers no_cfi = {0x400000, kStack, 0};
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kNoCfi), &no_cfi, &stack), Step::kEnd);
}

TEST(StepTest, WhatIsMissingOrLeadsDownIsLost) {
  Recorded stack{{{kStack + 0x20, kStack - 0x100}}};
  Registers r = {0x400000, kStack, kStack + 0x20};
  const Registers before = r;
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kSp, 32), &r, &stack), Step::kLost);      // no such word
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kFpDeref, 0), &r, &stack), Step::kLost);  // a CFA below rsp
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kNoRule), &r, &stack), Step::kLost);
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kNoCfi), &r, &stack), Step::kLost);  // no return address there
  EXPECT_EQ(r.pc, before.pc);
  EXPECT_EQ(r.sp, before.sp);
}

// Code that changed to a stack that lies higher: the caller's frame is below.
TEST(StepTest, AFrameOnAnotherStack) {
  Recorded stack{{{kStack - 0x100, kCallersFp}, {kStack - 0xf8, kCaller}, {kStack + 8, kCaller}}};
  const Rule rule = SavedAt(Rule::Of(Rule::kFp, 16), -16, false);
  Registers r = {0x400000, kStack, kStack - 0x100};
  EXPECT_EQ(StepByRule(rule, &r, &stack), Step::kLost);
  stack.another_stack = true;
  EXPECT_EQ(StepByRule(rule, &r, &stack), Step::kCalled);
  EXPECT_EQ(r.sp, kStack - 0xf0);
  EXPECT_EQ(r.pc, kCaller);
}

uintptr_t At(const std::vector<uint8_t>& bytes) { return reinterpret_cast<uintptr_t>(bytes.data()); }

CfiRow RowWithReturnAddressAt(int64_t offset) {
  CfiRow row;
  *row.of(kReturnAddress) = {CfiRegister::kAtCfa, 0, offset};
  return row;
}

TEST(FullStepTest, CfaInARegisterThatOnlyTheContextHas) {
  // A realigned function's first instructions: CFA = r10.
  Recorded stack{{{kStack + 0x48, kCaller}}};
  CfiRow row = RowWithReturnAddressAt(-8);
  row.cfa_register = 10;
  row.cfa_offset = 0;
  FullRegisters r;
  r.Set(kRsp, kStack);
  EXPECT_EQ(StepByRow(row, &r, stack.reader()), Step::kLost);  // r10 is not known
  r.Set(10, kStack + 0x50);
  r.Set(kRbx, 77);
  EXPECT_EQ(StepByRow(row, &r, stack.reader()), Step::kCalled);
  EXPECT_EQ(r.value[kReturnAddress], kCaller);
  EXPECT_EQ(r.value[kRsp], kStack + 0x50);
  EXPECT_EQ(r.value[kRbx], 77u);
  EXPECT_FALSE(r.Knows(10));  // the caller's is gone
  EXPECT_FALSE(r.Knows(kRbp));
}

TEST(FullStepTest, OpenSslsExpression) {
  // CFA = *(rsp + 16) + 8: breg7 16, deref, plus_uconst 8.
  const std::vector<uint8_t> expression = {0x77, 16, 0x06, 0x23, 8};
  Recorded stack{{{kStack + 16, kStack + 0x100}, {kStack + 0x100, kCaller}, {kStack + 0xf8, 5}}};
  CfiRow row = RowWithReturnAddressAt(-8);
  row.cfa_expression = At(expression);
  row.cfa_expression_size = static_cast<uint32_t>(expression.size());
  *row.of(kR12) = {CfiRegister::kAtCfa, 0, -16};
  FullRegisters r;
  r.Set(kRsp, kStack);
  EXPECT_EQ(StepByRow(row, &r, stack.reader()), Step::kCalled);
  EXPECT_EQ(r.value[kRsp], kStack + 0x108);
  EXPECT_EQ(r.value[kReturnAddress], kCaller);
  EXPECT_EQ(r.value[kR12], 5u);
}

TEST(FullStepTest, PartsOfAWord) {
  FullRegisters r;
  r.Set(kRsp, kStack);
  Recorded stack{{{kStack + 8, 0x1122334455667788}}};
  auto part = [&](uint8_t at, uint8_t bytes) {
    const std::vector<uint8_t> expression = {0x77, at, 0x94, bytes};
    uintptr_t result = 0;
    return EvaluateExpression(At(expression), 4, r, nullptr, stack.reader(), &result) ? result : 0;
  };
  EXPECT_EQ(part(8, 1), 0x88u);
  EXPECT_EQ(part(10, 2), 0x5566u);
  EXPECT_EQ(part(12, 4), 0x11223344u);
  EXPECT_EQ(part(8, 8), 0x1122334455667788u);
  EXPECT_EQ(part(13, 4), 0u);  // over the word's end
}

TEST(FullStepTest, ASignalFramesCallerWasInterrupted) {
  Recorded stack{{{kStack + 0x18, kCaller}}};
  CfiRow row = RowWithReturnAddressAt(-8);
  row.cfa_offset = 0x20;
  row.signal_frame = true;
  FullRegisters r;
  r.Set(kRsp, kStack);
  EXPECT_EQ(StepByRow(row, &r, stack.reader()), Step::kInterrupted);
  EXPECT_EQ(r.value[kReturnAddress], kCaller);
  EXPECT_EQ(RuleOfRow(row).kind(), Rule::kNoRule);
}

TEST(FullStepTest, EveryOperationOfExpressions) {
  FullRegisters r;
  r.Set(kRsp, 100);
  Recorded stack{{{108, 42}}};
  auto value = [&](const std::vector<uint8_t>& bytes) {
    uintptr_t result = 0xbad;
    EXPECT_TRUE(EvaluateExpression(At(bytes), static_cast<uint32_t>(bytes.size()), r, nullptr, stack.reader(),
                                   &result));
    return static_cast<int64_t>(result);
  };
  EXPECT_EQ(value({0x77, 8, 0x06}), 42);           // *(rsp + 8)
  EXPECT_EQ(value({0x35, 0x32, 0x1c}), 3);         // 5 - 2
  EXPECT_EQ(value({0x35, 0x32, 0x1e}), 10);        // 5 * 2
  EXPECT_EQ(value({0x35, 0x33, 0x1a}), 1);         // and
  EXPECT_EQ(value({0x35, 0x32, 0x21}), 7);         // or
  EXPECT_EQ(value({0x35, 0x33, 0x27}), 6);         // xor
  EXPECT_EQ(value({0x35, 0x32, 0x24}), 20);        // shl
  EXPECT_EQ(value({0x35, 0x31, 0x25}), 2);         // shr
  EXPECT_EQ(value({0x35, 0x1f, 0x31, 0x26}), -3);  // -5 >> 1
  EXPECT_EQ(value({0x30, 0x20}), -1);              // not 0
  EXPECT_EQ(value({0x35, 0x35, 0x29}), 1);         // eq
  EXPECT_EQ(value({0x35, 0x36, 0x2a}), 0);         // ge
  EXPECT_EQ(value({0x35, 0x34, 0x2b}), 1);         // gt
  EXPECT_EQ(value({0x35, 0x35, 0x2c}), 1);         // le
  EXPECT_EQ(value({0x35, 0x1f, 0x30, 0x2d}), 1);   // -5 < 0
  EXPECT_EQ(value({0x35, 0x34, 0x2e}), 1);         // ne
  EXPECT_EQ(value({0x08, 200}), 200);              // const1u
  EXPECT_EQ(value({0x09, 200}), -56);              // const1s
  EXPECT_EQ(value({0x0a, 1, 1}), 257);             // const2u
  EXPECT_EQ(value({0x0b, 0xfe, 0xff}), -2);        // const2s
  EXPECT_EQ(value({0x0c, 0, 0, 1, 0}), 65536);     // const4u
  EXPECT_EQ(value({0x0d, 0xff, 0xff, 0xff, 0xff}), -1);
  EXPECT_EQ(value({0x10, 0x80, 1}), 128);                                 // constu
  EXPECT_EQ(value({0x11, 0x7f}), -1);                                     // consts
  EXPECT_EQ(value({0x33, 0x12, 0x22}), 6);                                // dup, plus
  EXPECT_EQ(value({0x33, 0x34, 0x13, 0x96}), 3);                          // drop, nop
  EXPECT_EQ(value({0x03, 1, 2, 0, 0, 0, 0, 0, 0}), 513);                  // addr
  EXPECT_EQ(value({0x0f, 0xfe, 255, 255, 255, 255, 255, 255, 255}), -2);  // const8s
  EXPECT_EQ(value({0x35, 0x33, 0x14}), 5);                                // over
  EXPECT_EQ(value({0x35, 0x33, 0x31, 0x15, 2}), 5);                       // pick
  EXPECT_EQ(value({0x35, 0x33, 0x16, 0x1c}), -2);                         // swap, minus
  EXPECT_EQ(value({0x31, 0x32, 0x34, 0x17, 0x1c}), -1);                   // rot: 4 1 2, minus
  EXPECT_EQ(value({0x35, 0x1f, 0x19}), 5);                                // abs
  EXPECT_EQ(value({0x37, 0x1f, 0x32, 0x1b}), -3);                         // -7 / 2
  EXPECT_EQ(value({0x37, 0x34, 0x1d}), 3);                                // 7 mod 4
  EXPECT_EQ(value({0x57}), 100);                                          // reg7
  EXPECT_EQ(value({0x90, 7}), 100);                                       // regx
  EXPECT_EQ(value({0x92, 7, 4}), 104);                                    // bregx
  EXPECT_EQ(value({0x31, 0x2f, 1, 0, 0x32, 0x33}), 3);                    // skip
  EXPECT_EQ(value({0x31, 0x30, 0x28, 1, 0, 0x32}), 2);                    // bra: not taken
  EXPECT_EQ(value({0x35, 0x31, 0x1c, 0x12, 0x28, 0xfa, 0xff, 0x12}), 0);  // a loop down to 0
}

TEST(FullStepTest, BadExpressionsGiveNothing) {
  FullRegisters r;
  Recorded stack;
  uintptr_t result;
  const std::vector<std::vector<uint8_t>> all = {
      {},                               // nothing on the stack
      {0x22},                           // plus of nothing
      {0x06},                           // deref of nothing
      {0x30, 0x06},                     // of an address that is not there
      {0x77, 0},                        // a register that is not known
      {0x2f, 0xfd, 0xff},               // an endless jump
      {0x2f, 0x10, 0x00},               // a jump out of it
      {0x30, 0x30, 0x1b},               // division by 0
      {0x31, 0x15, 5},                  // a pick below the stack
      {0x77, 0, 0x94, 9},               // more than a word
      {0x0c, 1},                        // cut off
      {0xf0},                           // nobody's operation
      std::vector<uint8_t>(100, 0x31),  // more than any stack holds
  };
  for (const std::vector<uint8_t>& bytes : all) {
    EXPECT_FALSE(EvaluateExpression(At(bytes), static_cast<uint32_t>(bytes.size()), r, nullptr,
                                    stack.reader(), &result));
  }
}

}  // namespace
}  // namespace heapprof::unwind
