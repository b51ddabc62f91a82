// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/sample_filter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <unordered_map>
#include <vector>

namespace heapprof::sample_filter {
namespace {

// Each test has a MiB of addresses that shares no counter with the others.
constexpr uintptr_t kUnit = 1 << kLgUnit, kPage = 1 << kLgPage;
constexpr uintptr_t kUnitsSpan = kUnit << kLgUnits, kPagesSpan = kPage << kLgPages;

TEST(SampleFilterTest, HoldsWhatWasAddedUntilItIsRemoved) {
  for (uintptr_t address : {uintptr_t{0x7f0001234540}, uintptr_t{0x7f0001235000}}) {
    EXPECT_FALSE(MayHold(address));
    Add(address);
    Add(address + kPagesSpan);  // shares its counter
    Remove(address + kPagesSpan);
    EXPECT_TRUE(MayHold(address));
    Remove(address);
    EXPECT_FALSE(MayHold(address));
  }
}

TEST(SampleFilterTest, NeighboursHaveCountersOfTheirOwn) {
  constexpr uintptr_t kAddress = 0x7f0002000000;
  Add(kAddress);
  EXPECT_FALSE(MayHold(kAddress + 64)) << "the rest of the page, whose counter is another";
  EXPECT_FALSE(MayHold(kAddress + kPage));
  Add(kAddress + kUnit);
  EXPECT_FALSE(MayHold(kAddress + 2 * kUnit));
  EXPECT_FALSE(MayHold(kAddress + kPage + kUnit));
  EXPECT_TRUE(MayHold(kAddress + kUnit + 64)) << "not told apart: what shares a counter passes";
  Remove(kAddress);
  Remove(kAddress + kUnit);
}

TEST(SampleFilterTest, ACountThatWasAtItsEndStays) {
  constexpr uintptr_t kAddress = 0x7f0003000040;
  for (uintptr_t i = 0; i < 300; ++i) Add(kAddress + i * kUnitsSpan);
  for (uintptr_t i = 1; i < 300; ++i) Remove(kAddress + i * kUnitsSpan);
  EXPECT_TRUE(MayHold(kAddress)) << "one of the three hundred is there still";
}

TEST(SampleFilterTest, WhatIsPinnedStays) {
  constexpr uintptr_t kAddress = 0x7f0004001000;
  Pin(kAddress);
  Add(kAddress);
  Remove(kAddress);
  EXPECT_TRUE(MayHold(kAddress));
}

TEST(SampleFilterTest, NeverSaysNoOfWhatIsThereOverRandomAddsAndRemoves) {
  std::mt19937_64 random(1);
  std::unordered_map<uintptr_t, int> there;
  for (int i = 0; i < 200000; ++i) {
    // Few counters, so that they are shared by dozens, and some come to their end.
    uintptr_t address =
        0x7f0005000000 + random() % 8 * 64 + random() % 4 * kPage + random() % 64 * kPagesSpan;
    int& count = there[address];
    if (count > 0 && random() % 2 == 0) {
      ASSERT_TRUE(MayHold(address));
      Remove(address);
      --count;
    } else if (count == 0) {
      Add(address);
      ++count;
    }
  }
  for (auto [address, count] : there) {
    if (count > 0) EXPECT_TRUE(MayHold(address));
  }
}

TEST(SampleFilterTest, EachThreadFindsItsOwnWhileOthersCountOnTheSameCounters) {
  constexpr int kThreads = 4, kRounds = 100000;
  constexpr uintptr_t kAddress = 0x7f0006000040;
  std::atomic<int> missed{0};
  std::vector<std::thread> threads;
  for (uintptr_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&missed, thread] {
      const uintptr_t own = kAddress + thread * kUnitsSpan;
      for (int i = 0; i < kRounds; ++i) {
        Add(own);
        if (!MayHold(own)) ++missed;
        Remove(own);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(missed, 0);
  EXPECT_FALSE(MayHold(kAddress)) << "no count was lost on the way down either";
}

}  // namespace
}  // namespace heapprof::sample_filter
