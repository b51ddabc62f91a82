// SPDX-License-Identifier: Apache-2.0
// When the samples of a wall-clock profile are due.
//
// Real time is cut into periods. In each there is one tick, at a place of its own that is uniform in the
// period:
//     t(k) = start + (k + U(k)) * period,   k = 0, 1, 2, ...,  U(k) uniform in [0, 1)      (1)
// so that n(t), the ticks up to time t, is never more than one off (t - start) / period, while no rhythm of
// the program's falls into step with the ticks.
//
// Thread-safety: an object belongs to one user; any may read Due of a copy. Signal-safety: yes. Allocates:
// never.
#ifndef HEAPPROF_SAMPLING_WALL_TICK_TIMES_H_
#define HEAPPROF_SAMPLING_WALL_TICK_TIMES_H_

#include <stdint.h>

#include "base/hash.h"

namespace heapprof::wall {

class TickTimes {
 public:
  TickTimes() = default;
  TickTimes(int64_t start, int64_t period, uint64_t seed) : start_(start), period_(period), seed_(seed) {}

  int64_t period() const { return period_; }
  // The time of tick k.
  int64_t At(uint64_t k) const {
    const uint64_t draw = MixBits(seed_ + k * kGoldenRatio);
    return start_ + static_cast<int64_t>(k) * period_ +
           static_cast<int64_t>(draw % static_cast<uint64_t>(period_));
  }
  // n(now).
  uint64_t Due(int64_t now) const {
    if (now < start_) return 0;
    const uint64_t whole = static_cast<uint64_t>((now - start_) / period_);
    return At(whole) <= now ? whole + 1 : whole;
  }

 private:
  int64_t start_ = 0, period_ = 1;
  uint64_t seed_ = 0;
};

}  // namespace heapprof::wall

#endif  // HEAPPROF_SAMPLING_WALL_TICK_TIMES_H_
