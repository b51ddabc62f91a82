// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/short_rules.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <vector>

#include "sampling/unwind/rule_cache.h"
#include "tests/sampling/unwind/libc_pcs.h"

namespace heapprof::unwind {
namespace {

uint64_t Mark() { return ShortMark(GenerationNumber()); }
bool IsShort(uint64_t rule) { return rule < kShortEnd; }

// What a walk does.
uint64_t Ask(uintptr_t pc, uint64_t mark) {
  const uint64_t rule = ShortRuleOf(pc, mark);
  return IsShort(rule) ? rule : FindShortRule(pc, mark);
}

void ExpectSame(uint64_t rule, Rule whole) {
  if (rule == kShortPlainFp) {
    EXPECT_TRUE(whole.is_plain_fp());
  } else if (IsShort(rule) && whole.is_sp_with_fp_saved()) {
    EXPECT_EQ(ShortSize(rule), whole.framed_sp_a());
    EXPECT_EQ(static_cast<int64_t>(ShortFpBelow(rule)), -whole.framed_sp_b());
  } else if (IsShort(rule)) {
    EXPECT_TRUE(whole.is_plain() && whole.is_set());
    EXPECT_EQ(ShortSize(rule), whole.plain_sp_a());
    EXPECT_EQ(ShortFpBelow(rule), 0u);
  } else if (rule == kShortEnd) {
    EXPECT_EQ(whole.kind(), Rule::kEnd);
  } else {
    EXPECT_TRUE(rule == kShortOther || whole.plain_sp_a() > 8184 || whole.framed_sp_a() > 8184);
  }
}

// More PCs than there are places: some go to the place beside theirs, lose that and come back.
TEST(ShortRulesTest, ARuleIsThatOfTheCache) {
  const std::vector<uintptr_t> pcs = Pcs(20000);
  for (int round = 0; round < 3; ++round) {
    for (uintptr_t pc : pcs) {
      ExpectSame(Ask(pc, Mark()), FindRule(pc).rule);
      ExpectSame(Ask(pc, Mark()), FindRule(pc).rule);
    }
    if (round == 1) StartNewGeneration();
  }
}

// Of two whose place is the same both stay.
TEST(ShortRulesTest, TwoHaveThePlacesOfAPair) {
  std::vector<uintptr_t> pair;
  for (uintptr_t pc : Pcs(60000)) {
    if (!IsShort(Ask(pc, Mark()))) continue;
    if (pair.empty() || ShortPlaceOf(ShortHash(pc)) == ShortPlaceOf(ShortHash(pair[0]))) pair.push_back(pc);
    if (pair.size() == 2) break;
  }
  ASSERT_EQ(pair.size(), 2u);
  for (uintptr_t pc : pair) Ask(pc, Mark());
  const uint64_t first = FindShortRule(pair[0], Mark());
  EXPECT_FALSE(IsShort(ShortRuleOf(pair[0], Mark())));
  ExpectSame(first, FindRule(pair[0]).rule);
  EXPECT_TRUE(IsShort(ShortRuleOf(pair[1], Mark()))) << "it was found beside, and not put to its place again";
}

TEST(ShortRulesTest, ARuleOfAnotherGenerationIsNotFound) {
  uintptr_t pc = 0;
  for (uintptr_t some : Pcs(100)) {
    if (IsShort(Ask(some, Mark()))) pc = some;
  }
  const uint64_t mark = Mark();
  ASSERT_TRUE(IsShort(ShortRuleOf(pc, mark)));
  StartNewGeneration();
  EXPECT_NE(Mark(), mark);
  EXPECT_FALSE(IsShort(ShortRuleOf(pc, Mark())));
  for (uint64_t i = 1; i < kShortMarks; ++i) StartNewGeneration();
  ASSERT_EQ(Mark(), mark);
  EXPECT_FALSE(IsShort(ShortRuleOf(pc, mark))) << "where the marks begin again";
}

// A thread may stand between its last look at the generation and the store behind it.
TEST(ShortRulesTest, AWordThatIsStoredLateIsGoneBeforeItsMarkComesAgain) {
  while (GenerationNumber() % kShortMarks != kShortMarks - 1) StartNewGeneration();
  uintptr_t pc = 0;
  for (uintptr_t some : Pcs(100)) {
    if (IsShort(Ask(some, Mark()))) pc = some;
  }
  const uint64_t mark = Mark();
  std::atomic<uint64_t>* place = ShortPlaceOf(ShortHash(pc));
  const uint64_t word = place->load();
  ASSERT_TRUE(IsShort(ShortRuleOf(pc, mark)));
  StartNewGeneration();
  place->store(word);
  for (uint64_t i = 1; i < kShortMarks; ++i) StartNewGeneration();
  ASSERT_EQ(Mark(), mark);
  EXPECT_FALSE(IsShort(ShortRuleOf(pc, mark)));
}

// An old thread's answer of the generation before is not kept for this one, nor for its own.
TEST(ShortRulesTest, WhatWasAskedBeforeAGenerationBeganIsNotKept) {
  const uintptr_t pc = Pcs(1)[0];
  const uint64_t before = Mark();
  StartNewGeneration();
  FindShortRule(pc, before);
  EXPECT_FALSE(IsShort(ShortRuleOf(pc, before)));
  EXPECT_FALSE(IsShort(ShortRuleOf(pc, Mark())));
}

// Of words that are no addresses: their low bits are one.
TEST(ShortRulesTest, AWordThatIsNoAddressHasNoRule) {
  for (uintptr_t pc : Pcs(50)) {
    if (!IsShort(Ask(pc, Mark()))) continue;
    const uintptr_t other = pc | uintptr_t{1} << 52;
    EXPECT_FALSE(IsShort(ShortRuleOf(other, Mark())));
    EXPECT_EQ(FindShortRule(other, Mark()), kShortOther);
    Ask(pc, Mark());
    EXPECT_EQ(Ask(other, Mark()), kShortOther);
  }
}

TEST(ShortRulesTest, WhatIsNoCodeIsAskedEachTime) {
  int on_stack = 0;
  const auto pc = reinterpret_cast<uintptr_t>(&on_stack);
  EXPECT_EQ(Ask(pc, Mark()), kShortOther);
  EXPECT_FALSE(IsShort(ShortRuleOf(pc, Mark())));
  EXPECT_EQ(Ask(0, Mark()), kShortEnd);
  EXPECT_FALSE(IsShort(ShortRuleOf(0, Mark())));
}

}  // namespace
}  // namespace heapprof::unwind
