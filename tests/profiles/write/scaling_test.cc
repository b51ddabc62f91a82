// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/scaling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace heapprof {
namespace {

constexpr uint64_t kRate = 512 << 10;

void ExpectEstimate(const HeapEstimate& e, int64_t ao, int64_t ab, int64_t io, int64_t ib) {
  EXPECT_EQ(e.alloc_objects, ao);
  EXPECT_EQ(e.alloc_bytes, ab);
  EXPECT_EQ(e.inuse_objects, io);
  EXPECT_EQ(e.inuse_bytes, ib);
}

TEST(Scaling, TheVectorsOfTheSourceDocuments) {
  ExpectEstimate(Estimate({4, 1}, 1024, kRate, 0), 2050, 2099200, 1537, 1574400);
  ExpectEstimate(Estimate({1, 0}, 512 << 10, kRate, 0), 1, 829411, 1, 829411);
  ExpectEstimate(Estimate({1, 1}, 512 << 10, kRate, 0), 1, 829411, 0, 0);
}

TEST(Scaling, ExactWhereEachAllocationIsASample) {
  for (double u : {0.0, 0.5, 0.999999}) {
    ExpectEstimate(Estimate({7, 3}, 1000, 1, u), 7, 7000, 4, 4000);
    ExpectEstimate(Estimate({7, 3}, 0, 1, u), 7, 0, 4, 0);
    ExpectEstimate(Estimate({0, 0}, 1000, kRate, u), 0, 0, 0, 0);
  }
  uint64_t odd = (uint64_t{1} << 60) + 1;  // more digits than a double has
  EXPECT_EQ(Estimate({odd, 0}, 1, 1, 0.9).alloc_bytes, static_cast<int64_t>(odd));
}

TEST(Scaling, SmallSizesKeepTheirDigits) {
  // 1 / (1 - exp(-x)) = 1/x + 1/2 + x/12 - ...
  double x = 1.0 / (uint64_t{1} << 40);
  EXPECT_DOUBLE_EQ(SampleWeight(1, uint64_t{1} << 40), 1 / x + 0.5 + x / 12);
  EXPECT_DOUBLE_EQ(SampleWeight(uint64_t{1} << 40, kRate), 1);
}

TEST(Scaling, NeverMoreInUseThanAllocatedAndNeverNegative) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200000; i++) {
    uint64_t allocations = random() % (uint64_t{1} << (random() % 62));
    uint64_t frees = allocations == 0 ? 0 : random() % (allocations + 1);
    uint64_t size = random() >> (random() % 64);
    uint64_t interval = random() >> (random() % 64);
    HeapEstimate e = Estimate({allocations, frees}, size, interval, RoundingOffset(random()));
    ASSERT_GE(e.inuse_objects, 0);
    ASSERT_GE(e.inuse_bytes, 0);
    ASSERT_LE(e.inuse_objects, e.alloc_objects)
        << allocations << " " << frees << " " << size << " " << interval;
    ASSERT_LE(e.inuse_bytes, e.alloc_bytes) << allocations << " " << frees << " " << size << " " << interval;
    if (frees == allocations) {
      ASSERT_EQ(e.inuse_bytes, 0);
    }
  }
}

TEST(Scaling, RoundingHasTheRightMean) {
  std::mt19937_64 random(11);
  constexpr int kBuckets = 100000;
  double objects = 0, truth = 3 * SampleWeight(300000, kRate);
  for (int i = 0; i < kBuckets; i++)
    objects += static_cast<double>(Estimate({3, 0}, 300000, kRate, RoundingOffset(random())).alloc_objects);
  double fraction = truth - std::floor(truth);
  double standard_error = std::sqrt(fraction * (1 - fraction) / kBuckets);
  EXPECT_NEAR(objects / kBuckets, truth, 4 * standard_error);
}

TEST(Scaling, RoundingOffsetIsBelowOne) {
  EXPECT_EQ(RoundingOffset(0), 0);
  EXPECT_LT(RoundingOffset(UINT64_MAX), 1);
  EXPECT_EQ(RoundingOffset(uint64_t{1} << 63), 0.5);
}

TEST(Scaling, CountsConvertedToASmallerIntervalGiveTheSameEstimate) {
  // 1,000 allocations at 512 KiB seen at 64 KiB; the reader then scales by the latter.
  SampleCounts counts = CountsAtInterval({1000, 400}, 4096, kRate, 64 << 10, 0);
  double objects = static_cast<double>(counts.allocations) * SampleWeight(4096, 64 << 10);
  EXPECT_NEAR(objects, 1000 * SampleWeight(4096, kRate), SampleWeight(4096, 64 << 10));
  double live = static_cast<double>(counts.allocations - counts.frees) * SampleWeight(4096, 64 << 10);
  EXPECT_NEAR(live, 600 * SampleWeight(4096, kRate), SampleWeight(4096, 64 << 10));
  SampleCounts same = CountsAtInterval({1000, 400}, 4096, kRate, kRate, 0.99);
  EXPECT_EQ(same.allocations, 1000u);
  EXPECT_EQ(same.frees, 400u);
}

}  // namespace
}  // namespace heapprof
