// SPDX-License-Identifier: Apache-2.0
// The estimates of whole profiles against the truth, over 200 seeds at each interval.
//
// An allocation of S bytes is a sample with probability p = 1 - exp(-S/R), each independently of the others,
// and stands for 1/p allocations. The estimate of the count of n allocations has mean n and variance n
// (1-p)/p, so the mean over K seeds has the standard error
//     sqrt(n (1-p)/p / K)                                                                                (1)
// and bytes likewise, times S. Estimates are whole numbers floor(x + u), u from the hash of the bucket and so
// of the program's addresses, which differ from run to run: unbiased, with a variance of at most 1/4 per
// bucket on top.
#include <gtest/gtest.h>
#include <math.h>
#include <stdlib.h>

#include <array>

#include "tests/support/under.h"
#include "tests/system/truth/shares.h"

namespace heapprof::test {
namespace {

constexpr int kAllSeeds = 200;
constexpr double kVaries = 4;  // the least variance of a count whose 95 % interval means anything
constexpr double kErrors = 3;  // standard errors that a mean may be off

// The truth of one function: its expected values, and their variances at interval R.
struct Truth {
  std::string function;
  std::array<double, 4> value{};  // in the order of the sample types
  std::array<double, 4> variance{};
  double buckets = 0;

  // `allocated` blocks of `size` bytes of which `in_use` stay.
  void Add(double size, double allocated, double in_use, double interval) {
    const double p = interval <= 1 ? 1 : -expm1(-size / interval);
    const double spread = (1 - p) / p;
    const std::array<double, 4> values = {allocated, allocated * size, in_use, in_use * size};
    const std::array<double, 4> variances = {allocated * spread, allocated * spread * size * size,
                                             in_use * spread, in_use * spread * size * size};
    for (size_t i = 0; i < 4; ++i) {
      value[i] += values[i];
      variance[i] += variances[i];
    }
    buckets += 1;
  }
};

std::vector<Truth> Truths(long scale, double interval) {
  std::vector<Truth> truths;
  for (size_t i = 0; i < sizeof kShares / sizeof kShares[0]; ++i) {
    Truth truth;
    truth.function = "truth_" + std::to_string(i);
    const double blocks = static_cast<double>(kShares[i].blocks * scale);
    truth.Add(static_cast<double>(kShares[i].size), blocks, blocks / 3, interval);
    truths.push_back(truth);
  }
  Truth spread;
  spread.function = "truth_spread";
  for (size_t size = 1; size <= kSpreadSizes; ++size) {
    // sizes come round in turn, and 3 divides their number: the same sizes stay in every round
    const double blocks = static_cast<double>(kSpreadThreads * scale);
    spread.Add(static_cast<double>(size), blocks, size % 3 == 1 ? blocks : 0, interval);
  }
  truths.push_back(spread);
  Truth grown;
  grown.function = "truth_grown";
  const double blocks = static_cast<double>(kGrownBlocks * scale);
  grown.Add(kGrownFrom, blocks, 0, interval);
  grown.Add(kGrownSize, blocks, blocks / 3, interval);
  truths.push_back(grown);
  return truths;
}

HeapProfile ProfileOf(const std::string& interval, long scale, int seed) {
  TempDir dir;
  Command command = Under(dir, {PROGRAMS_DIR "/workload", std::to_string(scale)},
                          "dump_at_exit=1:sample_interval=" + interval + ":seed=" + std::to_string(seed));
  const Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  std::vector<HeapProfile> profiles = ExpectGoodProfiles(dir.path());
  EXPECT_EQ(profiles.size(), 1u);
  return profiles.empty() ? HeapProfile() : profiles[0];
}

std::array<double, 4> Values(const Totals& totals) {
  return {static_cast<double>(totals.alloc_objects), static_cast<double>(totals.alloc_space),
          static_cast<double>(totals.inuse_objects), static_cast<double>(totals.inuse_space)};
}

// An emulator takes long: HEAPPROF_TEST_SEEDS.
int Seeds() {
  const char* number = getenv("HEAPPROF_TEST_SEEDS");
  return number == nullptr ? kAllSeeds : atoi(number);
}

void ExpectUnbiased(const std::string& interval, double bytes, long scale) {
  const int seeds = Seeds();
  ASSERT_GT(seeds, 0);
  const std::vector<Truth> truths = Truths(scale, bytes);
  std::vector<std::array<double, 4>> sums(truths.size());
  int covered = 0, intervals = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    const HeapProfile profile = ProfileOf(interval, scale, seed);
    ASSERT_EQ(profile.error(), "");
    for (size_t f = 0; f < truths.size(); ++f) {
      const std::array<double, 4> values = Values(profile.In(truths[f].function));
      for (size_t i = 0; i < 4; ++i) sums[f][i] += values[i];
      if (truths[f].variance[0] < kVaries) continue;
      covered += fabs(values[1] - truths[f].value[1]) <= 1.96 * sqrt(truths[f].variance[1]);
      ++intervals;
    }
  }
  for (size_t f = 0; f < truths.size(); ++f) {
    for (size_t i = 0; i < 4; ++i) {
      const double allowed =
          kErrors * sqrt(truths[f].variance[i] / seeds) + (bytes > 1 ? truths[f].buckets : 0);
      EXPECT_NEAR(sums[f][i] / seeds, truths[f].value[i], allowed)
          << truths[f].function << ", value " << i << ", interval " << interval;
    }
  }
  if (bytes > 1 && seeds >= kAllSeeds) {  // a share of few is no share
    const double share = static_cast<double>(covered) / intervals;
    EXPECT_GE(intervals, 5 * seeds);
    EXPECT_GE(share, 0.92);
    EXPECT_LE(share, 0.98);
    testing::Test::RecordProperty("covered", std::to_string(share));
  }
}

TEST(Truth, AtEveryAllocation) { ExpectUnbiased("1", 1, 1); }
TEST(Truth, At4k) { ExpectUnbiased("4k", 4096, 4); }
TEST(Truth, At512k) { ExpectUnbiased("512k", 524288, 60); }

// Two runs of one seed take the same samples; another seed takes others.
TEST(Truth, SeedDecides) {
  auto objects = [](int seed) {
    std::array<int64_t, 2> counts{};
    const HeapProfile profile = ProfileOf("4k", 4, seed);
    for (size_t i = 0; i < 2; ++i) counts[i] = profile.In("truth_" + std::to_string(i)).alloc_objects;
    return counts;
  };
  const auto first = objects(1), again = objects(1), other = objects(2);
  // one sample of truth_0 stands for 256 allocations: what is left of rounding is 1
  for (size_t i = 0; i < 2; ++i) EXPECT_LE(llabs(first[i] - again[i]), 1);
  EXPECT_GT(llabs(first[0] - other[0]) + llabs(first[1] - other[1]), 2);
}

}  // namespace
}  // namespace heapprof::test
