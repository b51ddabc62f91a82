// SPDX-License-Identifier: Apache-2.0
#include "base/system/coarse_clock.h"

#include <gtest/gtest.h>

#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

constexpr int64_t kTick = 10'000'000;

// Answers for one clock only, as an old vDSO may.
int RealtimeOnly(clockid_t clock, timespec* now) {
  if (clock != CLOCK_REALTIME_COARSE) return -1;
  *now = {5, 7};
  return 0;
}

TEST(CoarseClockTest, TheFineOneIsTheKernelsWithOrWithoutTheVdso) {
  for (VdsoClock* clock :
       {static_cast<VdsoClock*>(&clock_gettime), &RealtimeOnly, static_cast<VdsoClock*>(nullptr)}) {
    SetVdsoClock(clock);
    const int64_t before = RawMonotonicNanos(), now = FineMonotonicNanos();
    EXPECT_LE(before, now);
    EXPECT_LE(now, RawMonotonicNanos());
  }
}

TEST(CoarseClockTest, TheFineOneIsTheCoarseOneWhereTheCounterMayNotBeUsed) {
  SetVdsoClock([](clockid_t clock, timespec* now) {
    *now = {clock, 0};
    return 0;
  });
  EXPECT_TRUE(UseProcessorCounter(false));
  EXPECT_EQ(FineMonotonicNanos(), CLOCK_MONOTONIC_COARSE * 1'000'000'000LL);
  EXPECT_FALSE(UseProcessorCounter(true));
  EXPECT_EQ(FineMonotonicNanos(), CLOCK_MONOTONIC * 1'000'000'000LL);
  SetVdsoClock(nullptr);
}

TEST(CoarseClockTest, IsTheTimeToATickWithOrWithoutTheVdso) {
  for (int i = 0; i < 3; ++i) {
    const int64_t real = RawRealtimeNanos(), monotonic = RawMonotonicNanos();
    EXPECT_LE(CoarseMonotonicNanos(), RawMonotonicNanos());
    EXPECT_GE(CoarseMonotonicNanos(), monotonic - kTick);
    EXPECT_GE(CoarseRealtimeNanos(), real - kTick);
  }
  SetVdsoClock(RealtimeOnly);
  EXPECT_EQ(CoarseRealtimeNanos(), 5'000'000'007);
  EXPECT_GE(CoarseMonotonicNanos(), RawMonotonicNanos() - 10 * kTick);
  SetVdsoClock(nullptr);
  EXPECT_GT(CoarseRealtimeNanos(), 5'000'000'007);
}

}  // namespace
}  // namespace heapprof
