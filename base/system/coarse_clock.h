// SPDX-License-Identifier: Apache-2.0
// The time by the vDSO, for code that asks often: to a tick of the kernel (1 to 10 ms) in a few nanoseconds,
// or to the nanosecond in some tens.
//
// Without the vDSO's function, or before it is set, each look is a system call. Thread-safety: yes.
// Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_SYSTEM_COARSE_CLOCK_H_
#define HEAPPROF_BASE_SYSTEM_COARSE_CLOCK_H_

#include <stdint.h>
#include <time.h>

namespace heapprof {

using VdsoClock = int(clockid_t clock, timespec* now);

// Called once, at start. nullptr: there is none.
void SetVdsoClock(VdsoClock* clock);

// Nanoseconds since the epoch, and of the clock that nobody sets (which stands still in a suspended machine).
int64_t CoarseRealtimeNanos();
int64_t CoarseMonotonicNanos();
// The latter, to the nanosecond.
int64_t FineMonotonicNanos();

// Whether FineMonotonicNanos may use the processor's counter, as the vDSO does, which kills who has given it
// up (PR_SET_TSC, seccomp's strict mode). Else it is the coarse one. Returns what was said before.
bool UseProcessorCounter(bool on);

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_COARSE_CLOCK_H_
