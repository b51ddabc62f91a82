// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/rule_cache.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <set>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "tests/sampling/unwind/libc_pcs.h"

namespace heapprof::unwind {
namespace {

std::set<CacheEntry*> FindAll(const std::vector<uintptr_t>& pcs) {
  std::set<CacheEntry*> entries;
  for (uintptr_t pc : pcs) entries.insert(FindRule(pc).entry);
  return entries;
}

TEST(RuleCacheTest, EachPcKeepsAnEntryOfItsOwn) {
  const std::vector<uintptr_t> pcs = Pcs(300);
  StartNewGeneration();
  const std::set<CacheEntry*> first = FindAll(pcs);
  EXPECT_EQ(first.size(), pcs.size());
  EXPECT_EQ(FindAll(pcs), first);
}

// Of PCs whose places in the index lie side by side there are more than are looked at: whoever comes to an
// entry from the frame below must not find another PC's rule being written there.
TEST(RuleCacheTest, AnEntryIsWrittenOnceInAGeneration) {
  StartNewGeneration();
  const uint64_t generation = CacheGeneration();
  const auto place = [=](uintptr_t pc) { return (CacheKey(pc, generation) * kGoldenRatio) >> 47; };
  const auto first = reinterpret_cast<uintptr_t>(&qsort) + 1;
  std::vector<std::pair<uint64_t, CacheEntry*>> found;
  for (uintptr_t pc = first; pc < first + 500000; ++pc) {
    if (place(pc) - place(first) >= 4) continue;
    if (CacheEntry* entry = FindRule(pc).entry; entry != Sentinel()) {
      found.emplace_back(CacheKey(pc, generation), entry);
    }
  }
  EXPECT_GT(found.size(), 11u);
  for (const auto& [key, entry] : found) EXPECT_TRUE(entry->For(key).is_set());
}

TEST(RuleCacheTest, ARuleOfAnotherGenerationIsNotFound) {
  const uintptr_t pc = Pcs(1)[0];
  CacheEntry* entry = FindRule(pc).entry;
  const uint64_t generation = CacheGeneration();
  EXPECT_TRUE(entry->For(CacheKey(pc, generation)).is_set());
  StartNewGeneration();
  EXPECT_NE(CacheGeneration(), generation);
  EXPECT_FALSE(entry->For(CacheKey(pc, CacheGeneration())).is_set());
}

// What earlier generations left in the index must not crowd out this one's.
TEST(RuleCacheTest, ThousandsOfGenerationsLeaveTheCacheWhole) {
  const std::vector<uintptr_t> pcs = Pcs(200);
  for (int i = 0; i < 3000; ++i) {
    StartNewGeneration();
    FindAll(pcs);
  }
  const std::set<CacheEntry*> last = FindAll(pcs);
  EXPECT_EQ(last.size(), pcs.size());
  EXPECT_EQ(FindAll(pcs), last);
}

TEST(RuleCacheTest, GenerationsBeginAgainWithoutOldRules) {
  const std::vector<uintptr_t> pcs = Pcs(50);
  FindAll(pcs);
  const uint64_t generation = CacheGeneration();
  const std::set<CacheEntry*> before = FindAll(pcs);
  for (int i = 0; i < 1 << 16; ++i) StartNewGeneration();
  EXPECT_EQ(CacheGeneration(), generation);
  for (CacheEntry* entry : before) {
    for (uintptr_t pc : pcs) EXPECT_FALSE(entry->For(CacheKey(pc, generation)).is_set());
  }
  EXPECT_EQ(FindAll(pcs).size(), pcs.size());
}

TEST(RuleCacheTest, CodeOfNobodyIsLookedUpEachTime) {
  int on_stack = 0;
  const CacheHit hit = FindRule(reinterpret_cast<uintptr_t>(&on_stack));
  EXPECT_EQ(hit.entry, Sentinel());
  EXPECT_EQ(hit.rule.kind(), Rule::kNoCfi);
}

TEST(RuleCacheTest, TheTwoThatFollowedLastAreRemembered) {
  const std::vector<uintptr_t> pcs = Pcs(3);
  CacheEntry* first = FindRule(pcs[0]).entry;
  CacheEntry* second = FindRuleAfter(first, pcs[1]).entry;
  EXPECT_EQ(first->next.load(), second);
  CacheEntry* third = FindRuleAfter(first, pcs[2]).entry;
  EXPECT_EQ(first->next.load(), third);
  EXPECT_EQ(first->other.load(), second);
  EXPECT_EQ(Sentinel()->next.load(), Sentinel());
  FindRuleAfter(Sentinel(), pcs[0]);
  EXPECT_EQ(Sentinel()->next.load(), Sentinel());
  EXPECT_EQ(Sentinel()->other.load(), Sentinel());
}

}  // namespace
}  // namespace heapprof::unwind
