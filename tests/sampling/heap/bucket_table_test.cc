// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/bucket_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/memory/arena.h"
#include "sampling/heap/recent_buckets.h"

namespace heapprof {
namespace {

class BucketTableTest : public testing::Test {
 protected:
  static BucketKey KeyOf(const std::vector<uintptr_t>& pcs, uint64_t size, uint64_t interval) {
    uint64_t hash = 1;
    for (uintptr_t pc : pcs) hash = MixBits(hash ^ pc);
    return {{pcs.data(), static_cast<uint32_t>(pcs.size()), Truncation::kNone, hash}, size, interval, 0};
  }
  uint32_t Add(const std::vector<uintptr_t>& pcs, uint64_t size, uint64_t interval) {
    return table_->FindOrAdd(KeyOf(pcs, size, interval));
  }
  // So many that trails are followed.
  void AddMany() {
    for (uint64_t size = 1; size <= BucketTable::kFewBuckets; ++size) Add({0x900}, size, 1);
  }
  std::vector<uintptr_t> PcsOf(uint32_t bucket) const {
    const StackTable& stacks = table_->stacks();
    StackView stack = stacks.At(table_->At(bucket)->stack);
    std::vector<uintptr_t> pcs;
    for (uint32_t i = 0; i < stack.depth; ++i) pcs.push_back(stacks.ReturnAddress(stack.locations[i]));
    return pcs;
  }

  std::unique_ptr<BucketTable> table_ = std::make_unique<BucketTable>();
};

TEST_F(BucketTableTest, EqualKeysShareABucketAndOthersDoNot) {
  std::vector<uintptr_t> one = {0x1000, 0x2000}, two = {0x2000, 0x1000};
  EXPECT_EQ(Add(one, 64, 4096), 1u);
  EXPECT_EQ(Add(one, 64, 4096), 1u);
  EXPECT_EQ(Add(one, 65, 4096), 2u);
  EXPECT_EQ(Add(one, 64, 512), 3u);
  EXPECT_EQ(Add(two, 64, 4096), 4u);
  EXPECT_EQ(table_->count(), 4u);
  EXPECT_EQ(table_->stacks().count(), 2u);
  EXPECT_EQ(table_->stacks().location_count(), 2u);
  EXPECT_EQ(PcsOf(1), one);
  EXPECT_EQ(PcsOf(4), two);
}

TEST_F(BucketTableTest, AHundredThousandBucketsAreAllFoundAgainAfterGrowth) {
  auto pcs_of = [](uintptr_t i) { return std::vector<uintptr_t>{i * 8 + 1, i / 3 + 7, 0x400000}; };
  for (uintptr_t i = 0; i < 100000; ++i) ASSERT_EQ(Add(pcs_of(i), 100, 1), i + 1);
  for (uintptr_t i = 0; i < 100000; ++i) {
    ASSERT_EQ(Add(pcs_of(i), 100, 1), i + 1);
    ASSERT_EQ(PcsOf(static_cast<uint32_t>(i + 1)), pcs_of(i));
  }
}

TEST_F(BucketTableTest, ThreadsThatAddTheSameKeysAgreeOnTheBuckets) {
  constexpr int kThreads = 4, kKeys = 5000;
  std::vector<std::vector<uint32_t>> ids(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, &ids, t] {
      for (uintptr_t i = 0; i < kKeys; ++i) {
        uint32_t id = Add({i + 0x7000000, i + 1}, i, 4096);
        table_->At(id)->allocations.fetch_add(1);
        ids[t].push_back(id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(table_->count(), static_cast<uint32_t>(kKeys));
  for (int i = 0; i < kKeys; ++i) {
    for (int t = 1; t < kThreads; ++t) ASSERT_EQ(ids[t][i], ids[0][i]);
    EXPECT_EQ(table_->At(ids[0][i])->allocations.load(), static_cast<uint64_t>(kThreads));
  }
}

// By turns that repeat, and now and then another: so that what follows is mostly foretold, and sometimes
// wrong.
TEST_F(BucketTableTest, WhoFollowsATrailGetsTheSameBuckets) {
  auto pcs_of = [](uintptr_t i) { return std::vector<uintptr_t>{i * 8 + 1, 0x400000}; };
  constexpr uint64_t kKeys = 60, kRounds = 200;
  AddMany();
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      BucketTrail trail = {};
      for (uint64_t i = 0; i < kKeys * kRounds; ++i) {
        const uint64_t key = MixBits(i + t) % 5 == 0 ? MixBits(i ^ t) % kKeys : i % kKeys;
        const std::vector<uintptr_t> pcs = pcs_of(key / 2);
        const BucketKey wanted = KeyOf(pcs, 16 + key % 2, 1);
        const uint32_t id = table_->FindOrAdd(wanted, &trail);
        ASSERT_EQ(trail.last, id);
        ASSERT_EQ(table_->FindOrAdd(wanted), id);
        ASSERT_EQ(PcsOf(id), pcs);
        ASSERT_EQ(table_->At(id)->size, wanted.size);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(table_->count(), BucketTable::kFewBuckets + kKeys);
}

TEST_F(BucketTableTest, ATrailDoesNotLeadToTheBucketOfAModuleThatIsGone) {
  const std::vector<uintptr_t> stays = {0x5000}, goes = {0x2001};
  AddMany();
  BucketTrail trail = {};
  uint32_t gone = 0;
  for (int i = 0; i < 3; ++i) {
    table_->FindOrAdd(KeyOf(stays, 64, 1), &trail);
    gone = table_->FindOrAdd(KeyOf(goes, 64, 1), &trail);
  }
  table_->FindOrAdd(KeyOf(stays, 64, 1), &trail);
  ASSERT_EQ(trail.next, gone);
  table_->MoveLocations(0x2000, 0x3000, 0x900000);
  const uint32_t again = table_->FindOrAdd(KeyOf(goes, 64, 1), &trail);
  EXPECT_NE(again, gone);
  EXPECT_EQ(PcsOf(again), goes);
}

TEST_F(BucketTableTest, RecentBucketsAnswerAsTheTableDoes) {
  auto recent = std::make_unique<RecentBuckets>();
  BucketTrail trail = {};
  const std::vector<uintptr_t> pcs = {0x1000, 0x2000}, other = {0x1000, 0x2001};
  // More than it remembers, so that places are taken over.
  for (int round = 0; round < 3; ++round) {
    for (uint64_t size = 1; size < 2000; ++size) {
      ASSERT_EQ(recent->FindOrAdd(table_.get(), KeyOf(pcs, size, 1), &trail), size);
    }
  }
  const BucketKey key = KeyOf(pcs, 64, 1);
  BucketKey cut = key, labelled = key;
  cut.stack.truncated = Truncation::kLost;
  labelled.labels = 3;
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(recent->FindOrAdd(table_.get(), key, &trail), 64u);
    EXPECT_EQ(recent->FindOrAdd(table_.get(), key, &trail), 64u);
    EXPECT_EQ(recent->FindOrAdd(table_.get(), cut, &trail), 2000u);
    EXPECT_EQ(recent->FindOrAdd(table_.get(), labelled, &trail), 2001u);
    EXPECT_EQ(recent->FindOrAdd(table_.get(), KeyOf(pcs, 64, 512), &trail), 2002u);
    EXPECT_EQ(recent->FindOrAdd(table_.get(), KeyOf(other, 64, 1), &trail), 2003u);
  }
  // Code that was unmapped: the same addresses are other functions now.
  EXPECT_EQ(recent->FindOrAdd(table_.get(), key, &trail), 64u);
  table_->MoveLocations(0xfff, 0x1001, 0x900000);
  EXPECT_EQ(recent->FindOrAdd(table_.get(), key, &trail), 2004u);
  EXPECT_EQ(recent->FindOrAdd(table_.get(), key, &trail), 2004u);
}

TEST_F(BucketTableTest, StacksOfAModuleThatIsGoneMoveAndTakeNoMoreAllocations) {
  // Not in the module: the call before its first instruction, and what lies behind it.
  const uint32_t outside = Add({0x2000, 0x3001}, 64, 1), leaf = Add({0x2001, 0x1500}, 64, 1),
                 caller = Add({0x1500, 0x3000}, 64, 1);
  EXPECT_TRUE(table_->HasLocationIn(0x2000, 0x3000));
  table_->MoveLocations(0x2000, 0x3000, 0x900000);
  EXPECT_FALSE(table_->HasLocationIn(0x2000, 0x3000));
  EXPECT_EQ(PcsOf(outside), (std::vector<uintptr_t>{0x2000, 0x3001}));
  EXPECT_EQ(PcsOf(leaf), (std::vector<uintptr_t>{0x900001, 0x1500}));
  EXPECT_EQ(PcsOf(caller), (std::vector<uintptr_t>{0x1500, 0x901000}));
  EXPECT_EQ(Add({0x2000, 0x3001}, 64, 1), outside);
  const uint32_t again = Add({0x2001, 0x1500}, 64, 1);
  EXPECT_NE(again, leaf);
  EXPECT_EQ(PcsOf(again), (std::vector<uintptr_t>{0x2001, 0x1500}));
}

TEST_F(BucketTableTest, BeyondTheLimitTheOverflowBucketsOfEachSizeCountEverything) {
  SetMetadataLimit(MetadataBytes() + (1 << 20));  // the least that the option takes
  const std::vector<uintptr_t> known = {0x99, 0x98};
  const uint32_t known_bucket = Add(known, 16, 1);
  uint64_t total = 0, bytes = 0, counted = 0, counted_bytes = 0;
  for (uintptr_t i = 0; i < 100000; ++i) {
    uint64_t size = 16 + 16 * (i % 20);
    uint32_t id = Add({0x5000000000 + i, 0x6000000000 + i}, size, 1);
    ASSERT_NE(id, 0u);
    table_->At(id)->allocations.fetch_add(1);
    ++total;
    bytes += size;
  }
  bool overflowed = false;
  for (uint32_t id = 1; id <= table_->count(); ++id) {
    const Bucket& bucket = *table_->At(id);
    counted += bucket.allocations.load();
    counted_bytes += bucket.allocations.load() * bucket.size;
    overflowed |= bucket.stack == kOverflowStack;
  }
  EXPECT_TRUE(overflowed);
  EXPECT_EQ(counted, total);
  EXPECT_EQ(counted_bytes, bytes);
  EXPECT_EQ(Add(known, 16, 1), known_bucket);
  SetMetadataLimit(UINT64_MAX);
}

// A search ends at an empty slot. All buckets are of one stack, so that nothing else needs memory.
TEST_F(BucketTableTest, AnIndexThatCannotGrowKeepsEmptySlots) {
  const std::vector<uintptr_t> stack = {0x77, 0x76};
  constexpr uint64_t kBefore = 2000, kSizes = 20000;
  for (uint64_t size = 1; size <= kBefore; ++size) ASSERT_EQ(Add(stack, size, 1), size);
  SetMetadataLimit(MetadataBytes());
  uint64_t normal = 0, lost = 0;
  for (uint64_t size = kBefore + 1; size <= kSizes; ++size) {
    const uint32_t id = Add(stack, size, 1);
    if (id == 0) {
      ++lost;
      continue;
    }
    normal += table_->At(id)->stack != kOverflowStack ? 1 : 0;
    ASSERT_GE(table_->At(id)->size, size);
  }
  EXPECT_GT(normal, 1000u) << "three quarters of the index can be filled";
  EXPECT_EQ(lost, 0u);
  EXPECT_LT(table_->count(), 4096u);
  EXPECT_EQ(Add(stack, 1, 1), 1u);
  SetMetadataLimit(UINT64_MAX);
}

}  // namespace
}  // namespace heapprof
