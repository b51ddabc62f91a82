// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/scaling.h"

#include "base/real_functions.h"

namespace heapprof {
namespace {

constexpr double kTooLarge = 9223372036854775808.0;  // 2^63

int64_t RoundDown(double value) {
  if (value >= kTooLarge) return INT64_MAX;
  const auto towards_zero = static_cast<int64_t>(value);
  return static_cast<double>(towards_zero) > value ? towards_zero - 1 : towards_zero;
}

int64_t Saturated(uint64_t value) { return value > INT64_MAX ? INT64_MAX : static_cast<int64_t>(value); }

// count * size where each allocation is a sample: no rounding, whatever the size of the numbers.
int64_t ExactBytes(uint64_t count, uint64_t size) {
  uint64_t bytes;
  return __builtin_mul_overflow(count, size, &bytes) ? INT64_MAX : Saturated(bytes);
}

}  // namespace

double SampleWeight(uint64_t size, uint64_t interval) {
  if (interval <= 1 || size == 0) return 1;
  // Expm1 keeps its digits where S is far below R and 1 - exp(-S/R) would lose them.
  return -1 / Expm1(-(static_cast<double>(size) / static_cast<double>(interval)));
}

double RoundingOffset(uint64_t key_hash) { return static_cast<double>(key_hash >> 11) * 0x1p-53; }

HeapEstimate Estimate(const SampleCounts& counts, uint64_t size, uint64_t interval, double u) {
  uint64_t in_use = counts.allocations - counts.frees;
  double weight = SampleWeight(size, interval);
  if (weight == 1) {
    return {Saturated(counts.allocations), ExactBytes(counts.allocations, size), Saturated(in_use),
            ExactBytes(in_use, size)};
  }
  double allocated = static_cast<double>(counts.allocations) * weight;
  double live = static_cast<double>(in_use) * weight;
  double bytes = static_cast<double>(size);
  return {RoundDown(allocated + u), RoundDown(allocated * bytes + u), RoundDown(live + u),
          RoundDown(live * bytes + u)};
}

SampleCounts CountsAtInterval(const SampleCounts& counts, uint64_t size, uint64_t interval, uint64_t other,
                              double u) {
  double ratio = SampleWeight(size, interval) / SampleWeight(size, other);
  if (ratio == 1) return counts;
  double allocated = static_cast<double>(counts.allocations) * ratio;
  double live = static_cast<double>(counts.allocations - counts.frees) * ratio;
  auto allocations = static_cast<uint64_t>(RoundDown(allocated + u));
  return {allocations, allocations - static_cast<uint64_t>(RoundDown(live + u))};
}

}  // namespace heapprof
