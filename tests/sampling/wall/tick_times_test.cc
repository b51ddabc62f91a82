// SPDX-License-Identifier: Apache-2.0
#include "sampling/wall/tick_times.h"

#include <gtest/gtest.h>

#include <cmath>

namespace heapprof::wall {
namespace {

TEST(TickTimes, EachPeriodHasOneTick) {
  constexpr int64_t kStart = 1000, kPeriod = 97;
  const TickTimes times(kStart, kPeriod, 5);
  for (uint64_t k = 0; k < 1000; ++k) {
    const int64_t begin = kStart + static_cast<int64_t>(k) * kPeriod;
    EXPECT_GE(times.At(k), begin);
    EXPECT_LT(times.At(k), begin + kPeriod);
  }
}

TEST(TickTimes, DueCountsTheTicksThatHavePassed) {
  constexpr int64_t kStart = 50, kPeriod = 20;
  const TickTimes times(kStart, kPeriod, 7);
  uint64_t due = 0;
  for (int64_t now = 0; now < kStart + 100 * kPeriod; ++now) {
    while (times.At(due) <= now) ++due;
    EXPECT_EQ(times.Due(now), due) << now;
  }
}

TEST(TickTimes, TicksAreSpreadOverTheirPeriods) {
  constexpr int64_t kPeriod = 1'000'000;
  constexpr int kTicks = 10'000, kParts = 10;
  const TickTimes times(0, kPeriod, 11);
  int parts[kParts] = {};
  for (int k = 0; k < kTicks; ++k) {
    ++parts[(times.At(static_cast<uint64_t>(k)) - k * kPeriod) * kParts / kPeriod];
  }
  const double expected = static_cast<double>(kTicks) / kParts;
  for (const int part : parts) EXPECT_NEAR(part, expected, 4 * std::sqrt(expected));
}

}  // namespace
}  // namespace heapprof::wall
