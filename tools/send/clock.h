// SPDX-License-Identifier: Apache-2.0
// Time as senders see it: what the clock says, which somebody may set, and what has passed since the machine
// started, which nobody can.
//
// Thread-safety: reading, yes, if the function's is.
#ifndef HEAPPROF_TOOLS_SEND_CLOCK_H_
#define HEAPPROF_TOOLS_SEND_CLOCK_H_

#include <cstdint>
#include <functional>
#include <string>

namespace heapprof::tools::send {

inline constexpr int64_t kSecond = 1'000'000'000;

struct Moment {
  int64_t wall_ns = 0;  // since 1970
  int64_t boot_ns = 0;  // since the machine started, sleep included
};

struct Clock {
  std::function<Moment()> now;
  // Tells starts of the machine apart; moments of two of them have only their wall time in common.
  std::string boot_id;
};

Clock SystemClock();

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_CLOCK_H_
