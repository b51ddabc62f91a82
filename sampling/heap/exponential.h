// SPDX-License-Identifier: Apache-2.0
// -ln(U) of a uniform U, in whole numbers: an exponential variable of mean 1.
//
// A thread draws one at each sample. In floating point it took a change of the processor's modes to the
// defaults and back, as the program may have set others, and those stop the processor for longer than the
// logarithm takes.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_HEAP_EXPONENTIAL_H_
#define HEAPPROF_SAMPLING_HEAP_EXPONENTIAL_H_

#include <stdint.h>

namespace heapprof::exponential {

// Results have so many bits behind the point; the greatest is 64 * ln 2.
inline constexpr int kFraction = 57;

namespace internal {

// U = y * 2^-n with y in [1, 2) and n in 1..64: -ln(U) = n ln 2 - ln y. Of y the nearest of 16 centres c is
// known: ln y = ln c + ln(1 + t), t = y / c - 1, |t| <= 1/32, and a polynomial takes the latter to 2^-54.
inline constexpr int kLgCentres = 4, kTerms = 10, kOneOfT = 63, kOneOfTerms = 62;

// For the tables only, which the compiler makes: by the series 2 (z + z^3/3 + z^5/5 ...), z = (y - 1) / (y +
// 1).
constexpr long double Ln(long double y) {
  const long double z = (y - 1) / (y + 1);
  long double sum = 0, power = z;
  for (int i = 1; i < 60; i += 2, power *= z * z) sum += power / i;
  return 2 * sum;
}
constexpr long double kOne57 = static_cast<long double>(uint64_t{1} << kFraction);
constexpr long double kOne62 = static_cast<long double>(uint64_t{1} << kOneOfTerms);

struct Centre {
  uint64_t inverse;  // of 2^64
  int64_t ln;        // of 2^57
};
struct Tables {
  Centre centres[1 << kLgCentres];
  int64_t terms[kTerms];  // of ln(1 + t) / t, the first is 1; of 2^62
};
constexpr Tables Make() {
  Tables tables = {};
  constexpr int kCentres = 1 << kLgCentres;
  for (int i = 0; i < kCentres; ++i) {
    const long double c = 1 + (i + 0.5L) / kCentres;
    tables.centres[i] = {static_cast<uint64_t>(kOne62 * 4 / c), static_cast<int64_t>(kOne57 * Ln(c))};
  }
  for (int i = 0; i < kTerms; ++i)
    tables.terms[i] = static_cast<int64_t>((i % 2 == 0 ? kOne62 : -kOne62) / (i + 1));
  return tables;
}
inline constexpr Tables kTables = Make();
inline constexpr auto kLn2 = static_cast<int64_t>(kOne57 * Ln(2));

constexpr int64_t Multiply(int64_t a, int64_t b, int shift) {
  __extension__ using Int128 = __int128;
  return static_cast<int64_t>(static_cast<Int128>(a) * b >> shift);
}

}  // namespace internal

// Of 64 random bits. To 2^-52, and never below 0.
constexpr uint64_t FromBits(uint64_t random) {
  using namespace internal;
  random |= 1;  // not 0; of U it is less than the last bit
  const int zeros = __builtin_clzll(random);
  const uint64_t y = random << zeros;  // of 2^63
  const Centre& centre = kTables.centres[y >> (63 - kLgCentres) & ((1 << kLgCentres) - 1)];
  __extension__ using Uint128 = unsigned __int128;
  const auto ratio = static_cast<uint64_t>(static_cast<Uint128>(y) * centre.inverse >> 64);
  const auto t = static_cast<int64_t>(ratio - (uint64_t{1} << kOneOfT));
  int64_t sum = kTables.terms[kTerms - 1];
  for (int i = kTerms - 2; i >= 0; --i) sum = kTables.terms[i] + Multiply(sum, t, kOneOfT);
  const int64_t ln = centre.ln + Multiply(sum, t, kOneOfT + kOneOfTerms - kFraction);
  const int64_t result = (zeros + 1) * kLn2 - ln;
  return result > 0 ? static_cast<uint64_t>(result) : 0;
}

}  // namespace heapprof::exponential

#endif  // HEAPPROF_SAMPLING_HEAP_EXPONENTIAL_H_
