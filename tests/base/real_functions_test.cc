// SPDX-License-Identifier: Apache-2.0
#include "base/real_functions.h"

#include <gtest/gtest.h>
#include <math.h>

#include <algorithm>
#include <random>

namespace heapprof::test {
namespace {

// How far `got` is from `want`, in units of want's last place.
double Units(double got, double want) {
  return want == 0 ? (got == 0 ? 0 : HUGE_VAL)
                   : fabs(got - want) / (nextafter(fabs(want), HUGE_VAL) - fabs(want));
}

constexpr int kDraws = 200000;
constexpr double kMostUnits = 2;

TEST(RealFunctionsTest, LogIsLibmsToTwoUnitsOverAllExponentsAndNearOne) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-1000, 1000), near(0.5, 2);
  double worst = 0;
  for (int i = 0; i < kDraws; ++i) {
    for (const double x : {exp2(exponent(random)), near(random)})
      worst = std::max(worst, Units(Log(x), log(x)));
  }
  EXPECT_LE(worst, kMostUnits);
}

TEST(RealFunctionsTest, LogOfADrawsExtremes) {
  EXPECT_EQ(Log(1), 0);
  EXPECT_LE(Units(Log(0x1p-53), log(0x1p-53)), kMostUnits);
  EXPECT_LE(Units(Log(1 - 0x1p-53), log(1 - 0x1p-53)), kMostUnits);
}

TEST(RealFunctionsTest, Expm1IsLibmsToTwoUnitsFromTinyToLarge) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-60, 6), near(-2, 0);
  double worst = 0;
  for (int i = 0; i < kDraws; ++i) {
    for (const double x : {-exp2(exponent(random)), near(random)}) {
      worst = std::max(worst, Units(Expm1(x), expm1(x)));
    }
  }
  EXPECT_LE(worst, kMostUnits);
}

TEST(RealFunctionsTest, Expm1OfNothingAndOfMuch) {
  EXPECT_EQ(Expm1(0), 0);
  EXPECT_EQ(Expm1(-1e300), -1);
  EXPECT_EQ(Expm1(-HUGE_VAL), -1);
}

}  // namespace
}  // namespace heapprof::test
