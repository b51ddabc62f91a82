// SPDX-License-Identifier: Apache-2.0
// The Poisson sampler: with what distance the next sample follows.
//
// A thread counts down the bytes it allocates. An allocation of S bytes is a sample when the countdown,
// before S is subtracted, is at most S; then a new countdown C = floor(X) + 1, X = -ln(U) * R with U uniform
// in (0, 1], is drawn. As S is whole,
//     P(sample | S) = P(floor(X) + 1 <= S) = P(X < S) = 1 - exp(-S / R)                 (1)
// and as the exponential law has no memory, (1) holds for every allocation, at the start of a thread and
// after a change of R too.
//
// Thread-safety: an object belongs to one thread. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_HEAP_SAMPLER_H_
#define HEAPPROF_SAMPLING_HEAP_SAMPLER_H_

#include <stdint.h>

namespace heapprof {

// Plain data, all zero at birth, so that it can lie in a thread's initial-exec TLS.
struct Sampler {
  uint64_t state[2];

  void Seed(uint64_t seed);
  uint64_t NextRandom();  // uniform in 64 bits; xoroshiro128+, Blackman and Vigna
  // A countdown in bytes, >= 1. `mean` is R, 2 <= R <= 2^47, in bytes.
  // The law is checked by Anderson-Darling in tests/sampling/heap/sampler_test.cc.
  uint64_t NextCountdown(uint64_t mean);
  // Whether a sample of `before` bytes is one still when it has shrunk to `after`: with the probability
  // P(sample | after) / P(sample | before), by which (1) holds for the smaller block. `mean` as above.
  bool StaysSample(uint64_t before, uint64_t after, uint64_t mean);
};

// From the kernel; for seeds.
uint64_t TrueRandom();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_SAMPLER_H_
