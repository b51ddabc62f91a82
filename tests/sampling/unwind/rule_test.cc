// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/step/rule.h"

#include <gtest/gtest.h>

namespace heapprof::unwind {
namespace {

TEST(RuleTest, FieldsComeBackAsTheyWentIn) {
  for (int32_t a : {8, -8, 0, INT32_MAX, INT32_MIN}) {
    for (int64_t b : {-16, 0, 5, (1 << 25) - 1, -(1 << 25)}) {
      Rule rule = Rule::Of(Rule::kFp, a);
      ASSERT_TRUE(rule.SetFpSaved(b, true));
      EXPECT_EQ(rule.kind(), Rule::kFp);
      EXPECT_EQ(rule.a(), a);
      EXPECT_EQ(rule.b(), b);
      EXPECT_TRUE(rule.fp_saved());
      EXPECT_TRUE(rule.fp_saved_at_fp());
    }
  }
  EXPECT_FALSE(Rule::Of(Rule::kSp, 8).fp_saved());
}

TEST(RuleTest, AnOffsetThatDoesNotFitIsRefused) {
  Rule rule = Rule::Of(Rule::kSp, 8);
  EXPECT_FALSE(rule.SetFpSaved(1 << 25, false));
  EXPECT_FALSE(rule.SetFpSaved(-(1 << 25) - 1, false));
}

TEST(RuleTest, WhatARuleOfRspSavedLiesInItsFrame) {
  for (int64_t b : {-40, -24, 8, 0, -7}) {
    Rule rule = Rule::Of(Rule::kSp, 16);
    EXPECT_FALSE(rule.SetFpSaved(b, false)) << b;
  }
  for (int64_t b : {-16, -8}) {
    Rule rule = Rule::Of(Rule::kSp, 16);
    ASSERT_TRUE(rule.SetFpSaved(b, false));
    EXPECT_TRUE(rule.is_sp_with_fp_saved());
    EXPECT_EQ(rule.b(), b);
  }
}

TEST(RuleTest, OnlyTheUnsetRuleIsTheWordZero) {
  EXPECT_EQ(Rule().word(), 0u);
  for (auto kind : {Rule::kSp, Rule::kFp, Rule::kEnd, Rule::kNoCfi}) EXPECT_NE(Rule::Of(kind).word(), 0u);
}

}  // namespace
}  // namespace heapprof::unwind
