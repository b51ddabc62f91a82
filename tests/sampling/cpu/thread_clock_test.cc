// SPDX-License-Identifier: Apache-2.0
#include "sampling/cpu/thread_clock.h"

#include <gtest/gtest.h>

namespace heapprof::cpu {
namespace {

constexpr int64_t kTick = 4'000'000;

TEST(EventPeriod, IsThatOfTheTicksWhereEventsCostLittle) {
  EXPECT_EQ(EventPeriod(1'000'000, kTick, 0), 1'000'000);
  EXPECT_EQ(EventPeriod(1'000'000, kTick, 30'000), 1'000'000);
  EXPECT_EQ(EventPeriod(250'000, kTick, 7'500), 250'000);
}

TEST(EventPeriod, IsLongerWhereEventsWouldTakeMoreThanThreePercent) {
  EXPECT_EQ(EventPeriod(1'000'000, kTick, 60'000), 2'000'000);
  EXPECT_EQ(EventPeriod(250'000, kTick, 60'000), 2'000'000);
  EXPECT_EQ(EventPeriod(250'000, kTick, 119'000), 3'966'666);
}

TEST(EventPeriod, IsNoneWhereTimersTickAsOften) {
  EXPECT_EQ(EventPeriod(kTick, kTick, 0), 0);
  EXPECT_EQ(EventPeriod(10'000'000, kTick, 0), 0);
  EXPECT_EQ(EventPeriod(1'000'000, kTick, 120'000), 0);
  EXPECT_EQ(EventPeriod(1'000'000, 1'000'000, 0), 0) << "a kernel with a tick of 1 ms";
  EXPECT_EQ(EventPeriod(250'000, kTick, INT64_MAX), 0) << "no events, or it could not be measured";
  EXPECT_EQ(EventPeriod(250'000, 0, 0), 0) << "the tick is not known";
}

}  // namespace
}  // namespace heapprof::cpu
