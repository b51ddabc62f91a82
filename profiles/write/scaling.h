// SPDX-License-Identifier: Apache-2.0
// From counted samples to estimates of what was allocated.
//
// An allocation of S bytes is a sample with probability p = 1 - exp(-S/R), S and R being exact for a bucket,
// so n samples stand for n / p allocations without bias, and for n * S / p bytes. Profiles carry integers:
//
//     floor(x + u),  u in [0, 1)                                        (1)
//
// has the mean x over uniform u. One u serves all four values of a bucket, drawn from the bucket's hash: (1)
// is monotone in x, so what is in use never exceeds what was allocated; over many buckets totals are
// unbiased; and two dumps of unchanged counts are equal. At R <= 1 every allocation is a sample and the
// numbers are exact.
//
// Thread-safety: yes, pure functions. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_WRITE_SCALING_H_
#define HEAPPROF_PROFILES_WRITE_SCALING_H_

#include <stdint.h>

namespace heapprof {

// Samples of one bucket, not scaled. Invariant: frees <= allocations.
struct SampleCounts {
  uint64_t allocations;
  uint64_t frees;
};

struct HeapEstimate {
  int64_t alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
};

// 1 / p for S = `size` and R = `interval`. 1 for a size of 0, which is sampled at R <= 1 only.
double SampleWeight(uint64_t size, uint64_t interval);

// The u of a bucket: the upper 53 bits of its hash.
double RoundingOffset(uint64_t key_hash);

// Values too large for their type stay at its maximum.
HeapEstimate Estimate(const SampleCounts& counts, uint64_t size, uint64_t interval, double u);

// The counts at mean interval `other` that stand for the same number of allocations, rounded by (1); for a
// form in which a single interval holds for all. `other` <= `interval` keeps the counts from shrinking.
SampleCounts CountsAtInterval(const SampleCounts& counts, uint64_t size, uint64_t interval, uint64_t other,
                              double u);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_SCALING_H_
