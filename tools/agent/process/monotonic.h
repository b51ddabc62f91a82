// SPDX-License-Identifier: Apache-2.0
// The two clocks of the agent, in nanoseconds.
//
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_AGENT_PROCESS_MONOTONIC_H_
#define HEAPPROF_TOOLS_AGENT_PROCESS_MONOTONIC_H_

#include <cstdint>
#include <ctime>

namespace heapprof::tools::agent {

inline constexpr int64_t kNanosASecond = 1'000'000'000;

inline int64_t NanosOf(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return now.tv_sec * kNanosASecond + now.tv_nsec;
}
// When something is due: nobody sets this one.
inline int64_t MonotonicNanos() { return NanosOf(CLOCK_MONOTONIC); }
// Since 1970.
inline int64_t RealNanos() { return NanosOf(CLOCK_REALTIME); }

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_PROCESS_MONOTONIC_H_
