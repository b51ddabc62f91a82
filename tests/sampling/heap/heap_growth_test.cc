// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/heap_growth.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

namespace heapprof {
namespace {

constexpr int64_t kTick = HeapGrowth::kTickNanos, kMinute = 2 * kTick, kHour = 60 * kMinute;
constexpr int64_t kStart = 5'000'000'000;

class HeapGrowthTest : public testing::Test {
 protected:
  void SetUp() override { growth_->Start(table_.get(), now_); }

  uint32_t Add(uintptr_t pc) {
    return table_->FindOrAdd({{&pc, 1, Truncation::kNone, pc * 0x9e3779b97f4a7c15}, 16, 1, 0});
  }
  // What the recorder does.
  Bucket* BeforeChange(uint32_t id) {
    growth_->Advance(now_);
    Bucket* bucket = table_->At(id);
    if (bucket->tick != table_->tick()) growth_->Roll(id);
    return bucket;
  }
  void Allocate(uint32_t id, uint64_t count = 1) { BeforeChange(id)->allocations += count; }
  void Free(uint32_t id, uint64_t count = 1) { BeforeChange(id)->frees += count; }
  static HeapGrowth::Past Now(const Bucket& bucket) {
    return {static_cast<uint32_t>(bucket.allocations - bucket.frees), static_cast<uint32_t>(bucket.frees)};
  }
  int64_t Grown(int level, uint32_t id) const {
    const HeapGrowth::Past now = Now(*table_->At(id));
    return int64_t{now.in_use} - growth_->At(growth_->Look(now_), level, id, now).in_use;
  }

  int64_t now_ = kStart;
  std::unique_ptr<BucketTable> table_ = std::make_unique<BucketTable>();
  std::unique_ptr<HeapGrowth> growth_ = std::make_unique<HeapGrowth>();
};

TEST_F(HeapGrowthTest, EachLevelLooksBackToItsBoundary) {
  const uint32_t id = Add(1);
  for (int minute = 0; minute < 26 * 60; ++minute) {  // one more in each minute
    Allocate(id);
    now_ += kMinute;
  }
  const HeapGrowth::Window window = growth_->Look(now_);
  EXPECT_EQ(window.nanos[0], kMinute);
  EXPECT_EQ(window.nanos[1], 10 * kMinute);
  EXPECT_EQ(window.nanos[2], kHour);
  EXPECT_EQ(window.nanos[3], 26 * kHour);
  EXPECT_FALSE(window.from_start[2]);
  EXPECT_TRUE(window.from_start[3]) << "36 h have not passed";
  EXPECT_EQ(Grown(0, id), 1);
  EXPECT_EQ(Grown(1, id), 10);
  EXPECT_EQ(Grown(2, id), 60);
  EXPECT_EQ(Grown(3, id), 26 * 60);
}

TEST_F(HeapGrowthTest, WhatDoesNotChangeHasNotGrownAndTakesNoMemory) {
  const uint32_t still = Add(1);
  Allocate(still, 100);
  const uint64_t before = MetadataBytes();
  now_ += 40 * kHour;
  for (int level = 0; level < HeapGrowth::kLevels; ++level) EXPECT_EQ(Grown(level, still), 0) << level;
  growth_->Advance(now_);
  const uint32_t fresh = Add(2);
  now_ += 30 * kMinute;
  const uint32_t newer = Add(3);
  table_->At(newer)->allocations = 7;
  table_->At(fresh)->allocations = 5;
  EXPECT_EQ(Grown(2, newer), 7);
  EXPECT_EQ(Grown(3, fresh), 5);
  EXPECT_EQ(MetadataBytes(), before);
}

// Against all values at all boundaries, over random idle times.
TEST_F(HeapGrowthTest, IsExactWhateverTheOrder) {
  std::mt19937_64 random(3);
  constexpr int64_t kPeriods[] = {kTick, 10 * kTick, 60 * kTick, 1440 * kTick};
  constexpr uint32_t kBuckets = 12;
  std::vector<uint32_t> ids;
  // Of each bucket, what it had from a moment on.
  std::map<uint32_t, std::map<int64_t, HeapGrowth::Past>> history;
  for (int step = 0; step < 4000; ++step) {
    if (ids.size() < kBuckets && random() % 200 == 0) ids.push_back(Add(ids.size() + 1));
    if (!ids.empty()) {
      const uint32_t id = ids[random() % ids.size()];
      const Bucket& bucket = *table_->At(id);
      if (bucket.allocations > bucket.frees && random() % 5 < 2) {
        Free(id, 1 + random() % (bucket.allocations - bucket.frees));
      } else {
        Allocate(id, 1 + random() % 10);
      }
      history[id][now_] = Now(bucket);
    }
    now_ += static_cast<int64_t>(random() % (random() % 50 == 0 ? 20 * kHour : kMinute));
    const HeapGrowth::Window window = growth_->Look(now_);
    for (int level = 0; level < HeapGrowth::kLevels; ++level) {
      const int64_t boundary = (now_ - kStart) / kPeriods[level] - 2;
      ASSERT_EQ(window.from_start[level], boundary <= 0);
      const int64_t then = kStart + boundary * kPeriods[level];
      if (boundary > 0) ASSERT_EQ(window.nanos[level], now_ - then);
      for (uint32_t id : ids) {
        auto at = history[id].lower_bound(then);  // before the boundary
        const HeapGrowth::Past wanted =
            at == history[id].begin() ? HeapGrowth::Past{0, 0} : std::prev(at)->second;
        const HeapGrowth::Past past = growth_->At(window, level, id, Now(*table_->At(id)));
        ASSERT_EQ(past.in_use, wanted.in_use) << step << ", level " << level << ", bucket " << id;
        ASSERT_EQ(past.frees, wanted.frees);
      }
    }
  }
}

TEST_F(HeapGrowthTest, AChildBeginsWhereItsParentStood) {
  const uint32_t id = Add(1), other = Add(2);
  for (int i = 0; i < 100; ++i) {
    Allocate(id);
    now_ += kMinute;
  }
  Allocate(other, 3);
  ASSERT_TRUE(growth_->LockForFork());
  growth_->UnlockAfterFork(true, now_);
  const HeapGrowth::Window window = growth_->Look(now_);
  for (int level = 0; level < HeapGrowth::kLevels; ++level) {
    EXPECT_TRUE(window.from_start[level]);
    EXPECT_EQ(Grown(level, id), 0);
  }
  Allocate(id, 5);
  Free(other);
  const uint32_t born = Add(3);
  Allocate(born, 9);
  for (int level = 0; level < HeapGrowth::kLevels; ++level) {
    EXPECT_EQ(Grown(level, id), 5);
    EXPECT_EQ(Grown(level, other), -1);
    EXPECT_EQ(Grown(level, born), 9);
  }
  now_ += 20 * kMinute;
  EXPECT_EQ(Grown(0, id), 0);
  EXPECT_EQ(Grown(1, born), 0);
  EXPECT_EQ(Grown(3, born), 9);
}

}  // namespace
}  // namespace heapprof
