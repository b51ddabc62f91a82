// SPDX-License-Identifier: Apache-2.0
// Steps over stacks as aarch64 code leaves them, written down word by word: plain arithmetic, on any machine.
#include "sampling/unwind/step/step_aarch64.h"

#include <gtest/gtest.h>

#include "tests/sampling/unwind/recorded_stack.h"

namespace heapprof::unwind::aarch64 {
namespace {

using Recorded = RecordedStack;

constexpr uintptr_t kStack = 0xffffd0001000, kCaller = 0xaaaac0001234, kSigned = 0x2a7f000000000000 | kCaller;

// stp x29, x30, [sp, #-48]!
Rule FrameOf48() {
  Rule rule = Rule::Of(Rule::kSp, 48);
  EXPECT_TRUE(rule.SetFpSaved(-48));
  EXPECT_TRUE(rule.SetLinkSaved(-40));
  return rule;
}

TEST(StepAarch64Test, RulesKeepTheirOffsets) {
  Rule rule = FrameOf48();
  EXPECT_EQ(rule.kind(), Rule::kSp);
  EXPECT_EQ(rule.a(), 48);
  EXPECT_EQ(rule.b(), -48);
  EXPECT_EQ(rule.c(), -40);
  EXPECT_FALSE(Rule::Of(Rule::kFp, -16).link_saved());
  EXPECT_EQ(Rule::Of(Rule::kFp, -16).a(), -16);
  EXPECT_FALSE(rule.SetFpSaved(-40000));  // beyond what fits
  EXPECT_FALSE(rule.SetLinkSaved(-12));   // not a word's place
}

TEST(StepAarch64Test, AFrameThatCalled) {
  Recorded stack{{{kStack, kStack + 0x100}, {kStack + 8, kCaller}}};
  Registers r = {0xaaaac0000100, kStack, kStack, 0};
  EXPECT_EQ(StepByRule(FrameOf48(), &r, &stack), Step::kCalled);
  EXPECT_EQ(r.pc, kCaller);
  EXPECT_EQ(r.sp, kStack + 48);
  EXPECT_EQ(r.fp, kStack + 0x100);
}

TEST(StepAarch64Test, ASignedReturnAddressLosesItsCode) {
  Recorded stack{{{kStack, kStack + 0x100}, {kStack + 8, kSigned}}};
  Registers r = {0xaaaac0000100, kStack, kStack, 0};
  EXPECT_EQ(StepByRule(FrameOf48(), &r, &stack), Step::kCalled);
  EXPECT_EQ(r.pc, kCaller);
}

TEST(StepAarch64Test, ALeafReturnsThroughTheLinkRegister) {
  Recorded stack;
  Registers r = {0xaaaac0000100, kStack, kStack + 0x100, kSigned};
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kSp, 0), &r, &stack), Step::kCalled);
  EXPECT_EQ(r.pc, kCaller);
  EXPECT_EQ(r.sp, kStack);
  EXPECT_EQ(r.fp, kStack + 0x100);
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kSp, 0), &r, &stack), Step::kLost);  // no leaf can have called
}

TEST(StepAarch64Test, WithoutCfiTheFrameRecordsAreFollowed) {
  Recorded stack{{{kStack + 16, 0}, {kStack + 24, kCaller}}};
  Registers r = {0xaaaac0000100, kStack, kStack + 16, 0};
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kNoCfi), &r, &stack), Step::kCalled);
  EXPECT_EQ(r.pc, kCaller);
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kNoCfi), &r, &stack), Step::kEnd);  // the record of the outermost frame
}

TEST(StepAarch64Test, WhatIsNotThereIsLost) {
  Recorded stack;
  Registers r = {0xaaaac0000100, kStack, kStack, 0};
  EXPECT_EQ(StepByRule(FrameOf48(), &r, &stack), Step::kLost);
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kNoRule), &r, &stack), Step::kLost);
  EXPECT_EQ(StepByRule(Rule::Of(Rule::kEnd), &r, &stack), Step::kEnd);
}

}  // namespace
}  // namespace heapprof::unwind::aarch64
