// SPDX-License-Identifier: Apache-2.0
#include "sampling/contention/wait_sampler.h"

#include <math.h>

#include "base/real_functions.h"
#include "base/system/float_environment.h"

namespace heapprof {
namespace {

ScaledWait Scale(uint64_t nanos, uint64_t interval, uint64_t random) {
  OwnFloatEnvironment environment;
  const auto wait = static_cast<double>(Pinned(nanos));
  const double weight = -1 / Expm1(-wait / static_cast<double>(Pinned(interval)));
  const double offset = static_cast<double>(Pinned(random >> 11)) * 0x1p-53;
  return {Pinned(static_cast<int64_t>(lrint(weight * kCountUnit))),
          Pinned(static_cast<int64_t>(wait * weight + offset))};
}

}  // namespace

bool WaitSampler::Take(uint64_t nanos, uint64_t mean, ScaledWait* scaled) {
  // 2^62 ns are 146 years; beyond it a number is no time.
  constexpr uint64_t kMax = uint64_t{1} << 62;
  if (nanos == 0) nanos = 1;
  if (nanos > kMax) nanos = kMax;
  if (mean == 1) {
    *scaled = {kCountUnit, static_cast<int64_t>(nanos)};
    return true;
  }
  if (interval != mean) {
    interval = mean;
    countdown = sampler.NextCountdown(mean);
  }
  if (countdown > nanos) {
    countdown -= nanos;
    return false;
  }
  countdown = sampler.NextCountdown(mean);
  *scaled = Scale(nanos, mean, sampler.NextRandom());
  return true;
}

}  // namespace heapprof
