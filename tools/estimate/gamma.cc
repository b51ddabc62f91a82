// SPDX-License-Identifier: Apache-2.0
#include "tools/estimate/gamma.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace heapprof::tools {
namespace {

constexpr double kEpsilon = 1e-15;
constexpr int kMaxTerms = 10000;  // of the order of sqrt(shape) are needed near the mean
constexpr double kLargeShape = 1e5;

// std::lgamma writes a global variable.
double LogGamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

double LogDensity(double shape, double x) { return (shape - 1) * std::log(x) - x - LogGamma(shape); }

// P by the series x^a e^-x / gamma(a + 1) * (1 + x/(a+1) + x^2/((a+1)(a+2)) + ...).
double Series(double shape, double x) {
  double term = 1 / shape, sum = term;
  for (int n = 1; n < kMaxTerms; ++n) {
    term *= x / (shape + n);
    sum += term;
    if (term < sum * kEpsilon) break;
  }
  return sum * x * std::exp(LogDensity(shape, x));
}

// 1 - P by the continued fraction, evaluated from the front (Lentz).
double Fraction(double shape, double x) {
  constexpr double kTiny = 1e-300;
  double b = x + 1 - shape, c = 1 / kTiny, d = 1 / b, value = d;
  for (int n = 1; n < kMaxTerms; ++n) {
    const double a = -n * (n - shape);
    b += 2;
    d = a * d + b;
    if (std::fabs(d) < kTiny) d = kTiny;
    c = b + a / c;
    if (std::fabs(c) < kTiny) c = kTiny;
    d = 1 / d;
    const double factor = c * d;
    value *= factor;
    if (std::fabs(factor - 1) < kEpsilon) break;
  }
  return value * x * std::exp(LogDensity(shape, x));
}

}  // namespace

double GammaCdf(double shape, double x) {
  if (!(shape > 0) || !(x >= 0)) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return 0;
  return x < shape + 1 ? Series(shape, x) : 1 - Fraction(shape, x);
}

double NormalQuantile(double p) {
  if (!(p > 0 && p < 1)) return std::numeric_limits<double>::quiet_NaN();
  // The distribution function is at hand to full precision, so that bisection and Newton need no table.
  double low = -40, high = 40;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle / std::sqrt(2.0)) / 2 < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

double GammaQuantile(double shape, double p) {
  if (!(shape > 0) || !(p > 0 && p < 1)) return std::numeric_limits<double>::quiet_NaN();
  const double spread = 1 / (9 * shape);
  const double root = 1 - spread + NormalQuantile(p) * std::sqrt(spread);
  const double guess = shape * root * root * root;
  if (shape >= kLargeShape) return guess;
  // An interval that holds the quantile, then bisection with Newton's steps where they stay inside.
  double low = 0, high = std::max(guess, 1.0);
  while (GammaCdf(shape, high) < p) high *= 2;
  // Near 0 the distribution function is x^a / gamma(a + 1).
  const double near_zero = std::exp((std::log(p) + LogGamma(shape + 1)) / shape);
  double x = guess > 0 && guess < high ? guess : high / 2;
  if (near_zero < 0.1) x = near_zero;
  for (int i = 0; i < 200; ++i) {
    const double error = GammaCdf(shape, x) - p;
    (error < 0 ? low : high) = x;
    double next = x - error / std::exp(LogDensity(shape, x));
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (std::fabs(next - x) <= 1e-12 * x) return next;
    x = next;
  }
  return x;
}

}  // namespace heapprof::tools
