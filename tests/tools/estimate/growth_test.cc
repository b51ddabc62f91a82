// SPDX-License-Identifier: Apache-2.0
// The significance of differences: exact cases, error rate and power.
#include "tools/estimate/growth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace heapprof::test {
namespace {

using tools::FamilySize;
using tools::Growth;
using tools::Sampling;

constexpr double kInterval = 524288;

Sampling Of(double size) {
  const double p = -std::expm1(-size / kInterval);
  return {p, size / p, size};
}

Growth Counts(double size, double base, double now) {
  Growth growth;
  growth.Add(static_cast<uint32_t>(size), base, Of(size), now, Of(size));
  return growth;
}

TEST(Growth, OfAStackThatTheBaseDoesNotHaveIsExact) {
  // Each sample falls to either side with probability 1/2.
  for (const int count : {1, 5, 20, 100}) {
    const Growth growth = Counts(64, 0, count);
    EXPECT_NEAR(growth.Luck() / std::pow(2.0, -count), 1, 1e-6) << count;
    EXPECT_EQ(growth.Luck(), growth.LeastLuck());
    EXPECT_EQ(growth.Luck(-1), 1);
  }
}

TEST(Growth, BoundIsNeverBelowTheBinomialTail) {
  for (const int total : {10, 40, 200}) {
    double tail = 0;
    for (int now = total; now > total / 2; --now) {
      tail += std::exp(std::lgamma(total + 1.0) - std::lgamma(now + 1.0) - std::lgamma(total - now + 1.0) -
                       total * std::log(2.0));
      const double bound = Counts(64, total - now, now).Luck();
      EXPECT_GE(bound, tail * (1 - 1e-9)) << now << " of " << total;
      EXPECT_LE(bound, std::min(1.0, 12 * tail)) << now << " of " << total;
    }
  }
}

TEST(Growth, OfBlocksThatAreSampledForCertainIsCertain) {
  EXPECT_EQ(Counts(64 << 20, 3, 4).Luck(), 0);
  EXPECT_EQ(Counts(64 << 20, 3, 4).Luck(-1), 1);
  EXPECT_EQ(Counts(64 << 20, 4, 4).Luck(), 1);
  // A block that is missed one time in thirty is missed by luck.
  const double size = 3.4 * kInterval;
  EXPECT_GT(Counts(size, 0, 1).Luck(), 0.02);
  EXPECT_LT(Counts(size, 10, 20).Luck(), 1e-6);
  Growth certain;
  certain.AddCertain(-5);
  EXPECT_EQ(certain.Luck(-1), 0);
  EXPECT_EQ(certain.Luck(1), 1);
  EXPECT_EQ(certain.value(), -5);
}

TEST(Growth, LimitsHoldTheChangeOfBothSides) {
  const Growth growth = Counts(1024, 100, 140);
  const double weight = Of(1024).weight;
  EXPECT_NEAR(growth.value(), 40 * weight, 1);
  EXPECT_LT(growth.Limits().low, 40 * weight - 1.9 * std::sqrt(240) * weight);
  EXPECT_GT(growth.Limits().high, 40 * weight + 1.9 * std::sqrt(240) * weight);
}

TEST(FamilySize, LeavesOutWhatCouldNeverBeSignificant) {
  EXPECT_EQ(FamilySize({}, 0.05), 1u);
  EXPECT_EQ(FamilySize({0, 0, 0}, 0.05), 3u);
  // Of a thousand stacks with one or two samples none counts.
  std::vector<double> least(1000, 0.25);
  least.push_back(1e-6);
  EXPECT_EQ(FamilySize(least, 0.05), 1u);
}

// Pairs of runs of a program with stacks of different sizes and weights: does any line grow?
int PairsThatGrow(int pairs, double leaked_bytes, uint64_t seed) {
  struct Stack {
    double size, blocks;
  };
  std::vector<Stack> stacks;
  for (int i = 0; i < 300; ++i) {
    const double size = 16 << (i % 14), bytes = 190.0 * (1 << 20) / (i + 1) / 6.3;
    stacks.push_back({size, std::ceil(bytes / size)});
  }
  for (int i = 0; i < 40; ++i) stacks.push_back({(0.5 + i * 0.1) * kInterval, 2});
  std::mt19937_64 random(seed);
  const auto draw = [&](double size, double blocks) {
    return static_cast<double>(
        std::binomial_distribution<long>(static_cast<long>(blocks), Of(size).probability)(random));
  };
  int grew = 0;
  for (int pair = 0; pair < pairs; ++pair) {
    std::vector<Growth> lines(1);  // the total first
    const auto add = [&](double size, double base, double now) {
      if (base + now == 0) return;
      lines[0].Add(static_cast<uint32_t>(size), base, Of(size), now, Of(size));
      lines.push_back(Counts(size, base, now));
    };
    for (const Stack& stack : stacks) {
      add(stack.size, draw(stack.size, stack.blocks), draw(stack.size, stack.blocks));
    }
    if (leaked_bytes > 0) add(256, 0, draw(256, leaked_bytes / 256));
    std::vector<double> least;
    for (const Growth& line : lines) least.push_back(line.LeastLuck());
    const double level = 0.05 / static_cast<double>(FamilySize(least, 0.05));
    for (const Growth& line : lines) {
      if (line.Luck() > level) continue;
      ++grew;
      break;
    }
  }
  return grew;
}

TEST(Growth, EqualRunsGrowInAtMostFivePercentOfPairs) { EXPECT_LE(PairsThatGrow(200, 0, 1), 10); }

TEST(Growth, ALeakOfTenOfTwoHundredMebibytesIsFoundInNinetyFivePercentOfPairs) {
  EXPECT_GE(PairsThatGrow(200, 10 << 20, 2), 190);
}

}  // namespace
}  // namespace heapprof::test
