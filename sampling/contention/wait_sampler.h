// SPDX-License-Identifier: Apache-2.0
// Which waits become samples, and for how many each stands.
//
// The law is that of the heap's samples (sampling/heap/sampler.h) with nanoseconds in place of bytes: a
// thread counts the time down that it has waited, and a wait of d ns is a sample with the probability
//     P(d) = 1 - exp(-d / R)
// whatever came before. Blocks of one stack have few sizes; waits have any. So there is no bucket for each d:
// a sample is scaled at once, to 1/P waits and d/P nanoseconds, and stacks hold the sums. Counts are kept in
// units of 1/kCountUnit, as most 1/P are no whole numbers; nanoseconds are rounded up or down at random, with
// the right mean. At R = 1 every wait is a sample of weight 1, and sums are exact.
//
// Thread-safety: an object belongs to its thread. Signal-safety: yes; a handler that interrupts a draw may
// repeat its random numbers. Allocates: never. Zeros are a new object.
#ifndef HEAPPROF_SAMPLING_CONTENTION_WAIT_SAMPLER_H_
#define HEAPPROF_SAMPLING_CONTENTION_WAIT_SAMPLER_H_

#include <stdint.h>

#include "sampling/heap/sampler.h"

namespace heapprof {

struct ScaledWait {
  int64_t count;  // in units of 1/kCountUnit
  int64_t nanos;
};

inline constexpr int64_t kCountUnit = 1 << 16;

struct WaitSampler {
  Sampler sampler;
  uint64_t countdown;  // ns
  uint64_t interval;   // of which the countdown was drawn; 0: of none

  void Seed(uint64_t seed) { sampler.Seed(seed); }
  // Whether a wait of `nanos` is a sample at the mean interval `interval`, 1..kMaxContentionInterval.
  bool Take(uint64_t nanos, uint64_t interval, ScaledWait* scaled);
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_CONTENTION_WAIT_SAMPLER_H_
