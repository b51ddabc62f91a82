// SPDX-License-Identifier: Apache-2.0
// Why a wall-clock profile ended before its stop, where this process ended it.
//
// Thread-safety, signal-safety: plain values. Allocates: never.
#ifndef HEAPPROF_SAMPLING_WALL_GIVEN_UP_H_
#define HEAPPROF_SAMPLING_WALL_GIVEN_UP_H_

#include <stdint.h>

namespace heapprof::wall {

enum class GivenUp : uint8_t {
  kNo,
  kConfined,  // seccomp may kill who makes a process
  kWaits,     // a wait that would see the watcher
};

}  // namespace heapprof::wall

#endif  // HEAPPROF_SAMPLING_WALL_GIVEN_UP_H_
