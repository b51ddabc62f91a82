// SPDX-License-Identifier: Apache-2.0
#include "base/real_functions.h"

#include <stdint.h>
#include <string.h>

namespace heapprof {
namespace {

constexpr int kMantissaBits = 52;
constexpr int kExponentBias = 1023;
constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kInverseLn2 = 1.44269504088896340736;
// ln 2 in two parts: a multiple of the first by an exponent is exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

double PowerOfTwo(int exponent) {
  const uint64_t bits = static_cast<uint64_t>(exponent + kExponentBias) << kMantissaBits;
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace

// x = 2^k m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh((m - 1) / (m + 1)), by its series.
double Log(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof(bits));
  int exponent = static_cast<int>(bits >> kMantissaBits) - (kExponentBias - 1);
  double mantissa = x * PowerOfTwo(-exponent);  // in [1/2, 1)
  if (mantissa < kSqrtHalf) {
    mantissa *= 2;
    --exponent;
  }
  const double s = (mantissa - 1) / (mantissa + 1);
  const double z = s * s;  // at most 0.0295: the first term left out is below 2^-60 of the sum
  double series = 0;
#pragma GCC unroll 16
  for (int odd = 21; odd >= 3; odd -= 2) series = (series + 1.0 / odd) * z;
  const double k = exponent;
  return k * kLn2High + (2 * s + (2 * s * series + k * kLn2Low));
}

// x = k ln 2 + r with |r| at most ln(2) / 2: e^x - 1 = 2^k (e^r - 1) + (2^k - 1), where e^r - 1 comes by its
// series.
double Expm1(double x) {
  constexpr double kNothingLeft = -38;  // e^x is then below half a unit in the last place of 1
  if (!(x > kNothingLeft)) return -1;
  const int k = static_cast<int>(x * kInverseLn2 - 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double series = 0;
#pragma GCC unroll 16
  for (int n = 13; n >= 2; --n) series = (series + 1) * (r * (1.0 / n));
  const double small = r + r * series;
  if (k == 0) return small;
  const double power = PowerOfTwo(k);
  return power * small + (power - 1);
}

}  // namespace heapprof
