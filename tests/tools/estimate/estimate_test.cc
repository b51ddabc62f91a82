// SPDX-License-Identifier: Apache-2.0
// Error bars: the gamma distribution against published values, and how often the limits hold the truth.
#include "tools/estimate/estimate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <utility>

#include "tools/estimate/gamma.h"

namespace heapprof::test {
namespace {

using tools::ConfidenceLimits;
using tools::Contribution;
using tools::GammaCdf;
using tools::GammaQuantile;
using tools::Uncertainty;

TEST(Gamma, HasTheLimitsOfPoissonCountsInThePrintedTables) {
  // Exact 95 % limits of Poisson means for the counts 1, 5, 10, 100.
  EXPECT_NEAR(GammaQuantile(1, 0.025), 0.0253178, 1e-7);
  EXPECT_NEAR(GammaQuantile(2, 0.975), 5.571643, 1e-6);
  EXPECT_NEAR(GammaQuantile(5, 0.025), 1.623486, 1e-6);
  EXPECT_NEAR(GammaQuantile(6, 0.975), 11.668332, 1e-6);
  EXPECT_NEAR(GammaQuantile(10, 0.025), 4.795389, 1e-6);
  EXPECT_NEAR(GammaQuantile(100, 0.025), 81.36, 0.005);
}

TEST(Gamma, QuantileIsTheInverseOfTheDistributionFunction) {
  for (const double shape : {0.01, 0.5, 1.0, 3.7, 50.0, 1e3, 9e4}) {
    for (const double p : {0.001, 0.025, 0.5, 0.975, 0.999}) {
      EXPECT_NEAR(GammaCdf(shape, GammaQuantile(shape, p)), p, 1e-8) << shape << " " << p;
    }
  }
  // The approximation for large shapes joins on.
  EXPECT_NEAR(GammaQuantile(99'999.9, 0.975) / GammaQuantile(100'000.1, 0.975), 1, 1e-5);
  EXPECT_NEAR(tools::NormalQuantile(0.975), 1.959963985, 1e-8);
}

Contribution Sampled(double samples, double size, double interval) {
  const double p = -std::expm1(-size / interval);
  return {samples, size / p, 1 - p, samples * size};
}

TEST(Uncertainty, IsExactForOneBucketOfFewSamples) {
  Uncertainty sum;
  const Contribution c = Sampled(5, 1, 1e6);
  sum.Add(c);
  const ConfidenceLimits limits = sum.Limits(5 * c.weight);
  EXPECT_NEAR(limits.low / c.weight, 1.623486, 1e-4);
  EXPECT_NEAR(limits.high / c.weight, 11.668332, 1e-4);
}

TEST(Uncertainty, HasNoneForBlocksThatAreSampledForCertain) {
  Uncertainty sum;
  const Contribution c = Sampled(3, 1e9, 1e6);
  sum.Add(c);
  const ConfidenceLimits limits = sum.Limits(3 * c.weight);
  EXPECT_EQ(limits.low, 3e9);
  EXPECT_EQ(limits.high, 3e9);
}

TEST(Uncertainty, LimitsHoldTheTruthInNinetyTwoToNinetyEightPercentOfRuns) {
  constexpr double kInterval = 524288;
  constexpr int kRuns = 1000;
  using Blocks = std::vector<std::pair<double, long>>;  // size, count
  for (const Blocks& blocks :
       {Blocks{{1024, 100'000}}, Blocks{{16, 400'000}}, Blocks{{65536, 200}},
        Blocks{{1 << 20, 50}, {300'000, 50}},
        Blocks{{16, 500'000}, {64, 200'000}, {256, 50'000}, {4096, 2000}, {65536, 100}, {1 << 20, 20}},
        Blocks{{16, 50'000}, {64, 20'000}, {256, 5000}, {4096, 200}, {65536, 10}, {1 << 20, 2}}}) {
    std::mt19937_64 random(1);
    int held = 0;
    for (int run = 0; run < kRuns; ++run) {
      Uncertainty sum;
      double estimate = 0, truth = 0;
      for (const auto& [size, count] : blocks) {
        std::binomial_distribution<long> draw(count, -std::expm1(-size / kInterval));
        const Contribution c = Sampled(static_cast<double>(draw(random)), size, kInterval);
        if (c.samples > 0) sum.Add(c);
        estimate += c.samples * c.weight;
        truth += static_cast<double>(count) * size;
      }
      const ConfidenceLimits limits = sum.Limits(estimate);
      if (limits.low <= truth && truth <= limits.high) ++held;
    }
    EXPECT_GE(held, 920) << blocks[0].first;
    EXPECT_LE(held, 980) << blocks[0].first;
  }
}

}  // namespace
}  // namespace heapprof::test
