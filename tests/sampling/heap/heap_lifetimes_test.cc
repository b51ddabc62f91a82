// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/heap_lifetimes.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <thread>
#include <tuple>
#include <vector>

namespace heapprof {
namespace {

constexpr int kClasses = HeapLifetimes::kClasses;

class HeapLifetimesTest : public testing::Test {
 protected:
  HeapLifetimesTest() { lifetimes_->Start(); }

  uint64_t Freed(uint32_t id, int of_class, bool temporary) const {
    HeapLifetimes::Freed freed;
    return lifetimes_->Read(id, &freed) ? freed.count[of_class][temporary ? 1 : 0] : 0;
  }

  Bucket bucket_ = {};
  std::unique_ptr<HeapLifetimes> lifetimes_ = std::make_unique<HeapLifetimes>();
};

TEST_F(HeapLifetimesTest, ADecadeEndsBeforeItsBound) {
  EXPECT_EQ(HeapLifetimes::ClassOf(-5), 0);
  EXPECT_EQ(HeapLifetimes::ClassOf(0), 0);
  int64_t bound = 1'000'000;
  for (int decade = 0; decade < HeapLifetimes::kDecades - 1; ++decade, bound *= 10) {
    EXPECT_EQ(HeapLifetimes::ClassOf(bound - 1), decade);
    EXPECT_EQ(HeapLifetimes::ClassOf(bound), decade + 1);
  }
  EXPECT_EQ(HeapLifetimes::ClassOf(INT64_MAX), HeapLifetimes::kDecades - 1);
}

TEST_F(HeapLifetimesTest, CountsAreThoseOfASimpleModel) {
  std::mt19937 random(1);
  std::map<std::tuple<uint32_t, int, bool>, uint64_t> model;
  for (int i = 0; i < 100000; ++i) {
    const uint32_t id = 1 + random() % 9000;
    const int of_class = static_cast<int>(random() % kClasses);
    const bool temporary = random() % 2 == 0;
    lifetimes_->CountFree(id, bucket_, of_class, temporary);
    ++model[{id, of_class, temporary}];
  }
  for (uint32_t id = 1; id <= 9000; ++id) {
    for (int c = 0; c < kClasses; ++c) {
      for (bool temporary : {false, true}) {
        const auto found = model.find({id, c, temporary});
        ASSERT_EQ(Freed(id, c, temporary), found == model.end() ? 0 : found->second);
      }
    }
  }
  HeapLifetimes::Freed freed;
  EXPECT_FALSE(lifetimes_->Read(9001, &freed));
}

TEST_F(HeapLifetimesTest, ThreadsThatCountTheSameLoseNothing) {
  constexpr int kThreads = 4, kRounds = 20000, kBuckets = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        lifetimes_->CountFree(static_cast<uint32_t>(1 + i % kBuckets), bucket_, i / kBuckets % 3, false);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  uint64_t sum = 0;
  for (uint32_t id = 1; id <= kBuckets; ++id) {
    for (int c = 0; c < 3; ++c) sum += Freed(id, c, false);
  }
  EXPECT_EQ(sum, uint64_t{kThreads} * kRounds);
}

TEST_F(HeapLifetimesTest, AChildBeginsWithNothingFreedAndTakesNoMemoryForItsFirst) {
  for (uint32_t id = 1; id <= 100; ++id) lifetimes_->CountFree(id, bucket_, 2, false);
  ASSERT_TRUE(lifetimes_->LockForFork(20000));
  lifetimes_->UnlockAfterFork(false);
  EXPECT_EQ(Freed(7, 2, false), 1u) << "the parent goes on";
  ASSERT_TRUE(lifetimes_->LockForFork(20000));
  lifetimes_->UnlockAfterFork(true);
  EXPECT_EQ(Freed(7, 2, false), 0u);
  const uint64_t before = MetadataBytes();
  for (uint32_t id = 1; id <= 20000; ++id) lifetimes_->CountFree(id, bucket_, 1, true);
  EXPECT_EQ(MetadataBytes(), before);
  EXPECT_EQ(Freed(20000, 1, true), 1u);
  EXPECT_EQ(Freed(7, 2, false), 0u);
}

TEST_F(HeapLifetimesTest, WhatFindsNoRoomIsSummedUpWithItsWeight) {
  lifetimes_->CountFree(1, bucket_, 0, false);  // its chunk has room
  const uint64_t used = MetadataBytes();
  SetMetadataLimit(used);
  Bucket exact = {}, sampled = {};
  exact.size = 100;
  exact.interval = 1;
  sampled.size = 1000;
  sampled.weight = 3 << 10 | 512;  // 1/p = 1.5 * 8
  lifetimes_->CountFree(1 << 20, exact, 3, true);
  lifetimes_->CountFree(1 << 20, exact, 3, true);
  lifetimes_->CountFree(2 << 20, sampled, 3, true);
  lifetimes_->CountFree(1, bucket_, 0, false);
  SetMetadataLimit(UINT64_MAX);
  EXPECT_EQ(Freed(1, 0, false), 2u);
  const HeapLifetimes::Lost lost = lifetimes_->ReadLost(3, true);
  EXPECT_EQ(lost.objects_1024, 1024u * (2 + 12));
  EXPECT_EQ(lost.bytes, 2u * 100 + 12 * 1000);
  EXPECT_EQ(lifetimes_->ReadLost(3, false).bytes, 0u);
}

}  // namespace
}  // namespace heapprof
