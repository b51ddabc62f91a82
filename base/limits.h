// SPDX-License-Identifier: Apache-2.0
// The bounds of options that the library and the command share: what the library would refuse, the command
// calls wrong usage.
#ifndef HEAPPROF_BASE_LIMITS_H_
#define HEAPPROF_BASE_LIMITS_H_

#include <stdint.h>

namespace heapprof {

inline constexpr uint32_t kMaxStackFrames = 1024;      // max_frames
inline constexpr int kMinCpuHz = 1, kMaxCpuHz = 4000;  // cpu_hz, wall_hz
// contention_interval: an hour, in nanoseconds. The weight of a wait of 1 ns still fits into 64 bits.
inline constexpr uint64_t kMaxContentionInterval = uint64_t{3600} * 1'000'000'000;

}  // namespace heapprof

#endif  // HEAPPROF_BASE_LIMITS_H_
