// SPDX-License-Identifier: Apache-2.0
#include "sampling/counts/stack_counts.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "base/memory/arena.h"

namespace heapprof {
namespace {

class StackCountsTest : public testing::Test {
 protected:
  StackCountsTest() : before_(MetadataBytes()) { EXPECT_TRUE(counts_->Init()); }
  ~StackCountsTest() override {
    SetMetadataLimit(UINT64_MAX);
    counts_->Free();
    EXPECT_EQ(MetadataBytes(), before_);
  }

  uint32_t Find(const std::vector<uintptr_t>& pcs, uint32_t labels = 0, bool exact_leaf = false) {
    uint64_t hash = 7;
    for (uintptr_t pc : pcs) hash = hash * 1000003 + pc;
    return counts_->FindOrAdd(
        {pcs.data(), static_cast<uint32_t>(pcs.size()), Truncation::kNone, exact_leaf, hash, labels});
  }
  std::vector<uint64_t> Addresses(uint32_t id) {
    const CountedStack& entry = counts_->at(id);
    std::vector<uint64_t> addresses;
    for (uint32_t i = 0; i < entry.depth; ++i) {
      addresses.push_back(counts_->AddressOf(counts_->LocationsOf(entry)[i]));
    }
    return addresses;
  }

  uint64_t before_;
  std::unique_ptr<StackCounts> counts_ = std::make_unique<StackCounts>();
};

TEST_F(StackCountsTest, EqualStacksAndLabelsHaveOneEntry) {
  uint32_t a = Find({0x1000, 0x2000});
  EXPECT_NE(a, StackCounts::kOverflow);
  EXPECT_EQ(Find({0x1000, 0x2000}), a);
  EXPECT_NE(Find({0x2000, 0x1000}), a);
  EXPECT_NE(Find({0x1000}), a);
  EXPECT_NE(Find({0x1000, 0x2000}, 1), a);
  EXPECT_EQ(counts_->count(), 5u);
}

TEST_F(StackCountsTest, AddressesAreReturnAddressesLessOneButForAnExactLeaf) {
  EXPECT_EQ(Addresses(Find({0x1000, 0x2000, 0x1000})), (std::vector<uint64_t>{0xfff, 0x1fff, 0xfff}));
  EXPECT_EQ(Addresses(Find({0x3000, 0x2000}, 0, true)), (std::vector<uint64_t>{0x3000, 0x1fff}));
  EXPECT_EQ(counts_->location_count(), 3u);
}

TEST_F(StackCountsTest, ManyStacksAreAllFoundAgain) {
  constexpr uint32_t kStacks = 50'000;
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < kStacks; ++i) ids.push_back(Find({i * 16, i * 16 + 4, 0x999, i % 7}));
  EXPECT_EQ(counts_->count(), kStacks + 1);
  for (uint32_t i = 0; i < kStacks; ++i) {
    ASSERT_EQ(Find({i * 16, i * 16 + 4, 0x999, i % 7}), ids[i]);
    ASSERT_EQ(Addresses(ids[i])[0], i * 16 - uint64_t{1});
  }
}

TEST_F(StackCountsTest, StacksOfAModuleThatIsGoneMoveAndAreFoundNoMore) {
  // Not in the module: the call before its first instruction, and what lies behind it.
  const uint32_t outside = Find({0x2000, 0x3001}), leaf = Find({0x2000, 0x1500}, 0, true),
                 caller = Find({0x1500, 0x2001});
  EXPECT_TRUE(counts_->HasLocationIn(0x2000, 0x3000));
  EXPECT_FALSE(counts_->HasLocationIn(0x2001, 0x3000));
  counts_->MoveLocations(0x2000, 0x3000, 0x900000);
  EXPECT_EQ(Addresses(outside), (std::vector<uint64_t>{0x1fff, 0x3000}));
  EXPECT_EQ(Addresses(leaf), (std::vector<uint64_t>{0x900000, 0x14ff}));
  EXPECT_EQ(Addresses(caller), (std::vector<uint64_t>{0x14ff, 0x900000}));
  EXPECT_FALSE(counts_->HasLocationIn(0x2000, 0x3000));
  EXPECT_EQ(Find({0x2000, 0x3001}), outside);
  const uint32_t again = Find({0x2000, 0x1500}, 0, true);
  EXPECT_NE(again, leaf);
  EXPECT_EQ(Addresses(again), (std::vector<uint64_t>{0x2000, 0x14ff}));
  // A growth of the index leaves it so.
  for (uint32_t i = 0; i < 5000; ++i) Find({0x100000 + i * 16, 1});
  EXPECT_EQ(Find({0x2000, 0x1500}, 0, true), again);
}

TEST_F(StackCountsTest, WhatFindsNoMemoryGoesToTheOverflowEntry) {
  SetMetadataLimit(MetadataBytes() + (256 << 10));
  uint32_t known = Find({0x1000});
  uint32_t overflows = 0;
  for (uintptr_t i = 1; i < 100'000; ++i) overflows += Find({i * 32, i * 32 + 8}) == StackCounts::kOverflow;
  EXPECT_GT(overflows, 50'000u);
  EXPECT_LE(MetadataBytes(), before_ + (1 << 20));
  EXPECT_EQ(Find({0x1000}), known);
}

}  // namespace
}  // namespace heapprof
