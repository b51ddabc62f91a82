// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "sampling/heap/exponential.h"

namespace heapprof {
namespace {

// The Anderson-Darling statistic of `uniforms` against the uniform law.
double AndersonDarling(std::vector<double> uniforms) {
  std::sort(uniforms.begin(), uniforms.end());
  double n = static_cast<double>(uniforms.size());
  double sum = 0;
  for (size_t i = 0; i < uniforms.size(); ++i) {
    double low = uniforms[i], high = 1 - uniforms[uniforms.size() - 1 - i];
    sum += (2.0 * static_cast<double>(i) + 1) * (std::log(low) + std::log(high));
  }
  return -n - sum / n;
}

constexpr double kOnePercentPoint = 3.857;  // of A^2 for a fully known law (Stephens 1974)

TEST(SamplerTest, CountdownsAreExponentialByAndersonDarling) {
  // A large mean, so that rounding to whole bytes is far below the resolution of the test.
  constexpr uint64_t kMean = uint64_t{1} << 40;
  int beyond = 0;
  constexpr int kSeeds = 100;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Sampler sampler = {};
    sampler.Seed(seed);
    std::vector<double> uniforms;
    for (int i = 0; i < 10000; ++i) {
      double x = (static_cast<double>(sampler.NextCountdown(kMean)) - 0.5) / static_cast<double>(kMean);
      uniforms.push_back(std::min(-std::expm1(-x), 1 - 1e-12));
    }
    if (AndersonDarling(uniforms) > kOnePercentPoint) ++beyond;
  }
  // Binomial(100, 0.01): more than 5 has probability 5e-4, and the seeds are fixed.
  EXPECT_LE(beyond, 5);
}

TEST(ExponentialTest, IsTheLogarithmOfWhatWasDrawn) {
  constexpr int kDraws = 200000;
  const auto unit = static_cast<double>(uint64_t{1} << exponential::kFraction);
  std::mt19937_64 random(1);
  double worst = 0;
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t bits = random() >> (i % 64) | 1;  // small ones, too
    const double wanted = -std::log(static_cast<double>(bits) * 0x1p-64);
    worst = std::max(worst, std::abs(static_cast<double>(exponential::FromBits(bits)) / unit - wanted));
  }
  EXPECT_LE(worst, 0x1p-46) << "which is a last place of a double where it is largest, and half";
}

TEST(ExponentialTest, OfTheExtremes) {
  const auto unit = static_cast<double>(uint64_t{1} << exponential::kFraction);
  EXPECT_NEAR(static_cast<double>(exponential::FromBits(0)) / unit, 64 * std::log(2.0), 1e-14);
  EXPECT_EQ(exponential::FromBits(0), exponential::FromBits(1));
  EXPECT_LE(exponential::FromBits(UINT64_MAX), 2U);
  EXPECT_LE(exponential::FromBits(UINT64_MAX - 1), 2U);
}

TEST(SamplerTest, ProbabilityOfASampleIsExactForSmallIntervalsToo) {
  // P(C <= S) = 1 - exp(-S / R), for S and R where rounding would show.
  constexpr uint64_t kMean = 10;
  constexpr int kDraws = 1000000;
  for (uint64_t size : {1, 3, 10, 40}) {
    Sampler sampler = {};
    sampler.Seed(size);
    int hits = 0;
    for (int i = 0; i < kDraws; ++i) hits += sampler.NextCountdown(kMean) <= size;
    double p = -std::expm1(-static_cast<double>(size) / kMean);
    double deviation = std::sqrt(p * (1 - p) / kDraws);
    EXPECT_NEAR(static_cast<double>(hits) / kDraws, p, 4 * deviation) << size;
  }
}

TEST(SamplerTest, AShrunkSampleStaysOneAsOftenAsTheSmallerBlockWouldBeOne) {
  constexpr uint64_t kMean = 4096;
  constexpr int kDraws = 200000;
  Sampler sampler = {};
  sampler.Seed(3);
  for (auto [before, after] :
       {std::pair(100, 50), std::pair(20000, 5000), std::pair(4096, 1), std::pair(7, 7)}) {
    int stayed = 0;
    for (int i = 0; i < kDraws; ++i) stayed += sampler.StaysSample(before, after, kMean);
    double p =
        std::expm1(-static_cast<double>(after) / kMean) / std::expm1(-static_cast<double>(before) / kMean);
    double deviation = std::sqrt(p * (1 - p) / kDraws);
    EXPECT_NEAR(static_cast<double>(stayed) / kDraws, p, 4 * deviation) << before << " to " << after;
  }
}

TEST(SamplerTest, CountdownsAreNeverZero) {
  Sampler sampler = {};
  sampler.Seed(1);
  for (int i = 0; i < 100000; ++i) ASSERT_GE(sampler.NextCountdown(2), 1u);
}

TEST(SamplerTest, SeedsGiveDifferentSequencesAndTheSameSeedTheSame) {
  Sampler a = {}, b = {}, c = {};
  a.Seed(1);
  b.Seed(2);
  c.Seed(1);
  int equal = 0;
  for (int i = 0; i < 1000; ++i) {
    uint64_t from_a = a.NextRandom();
    equal += from_a == b.NextRandom();
    EXPECT_EQ(from_a, c.NextRandom());
  }
  EXPECT_EQ(equal, 0);
}

}  // namespace
}  // namespace heapprof
