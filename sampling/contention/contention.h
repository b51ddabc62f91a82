// SPDX-License-Identifier: Apache-2.0
// The profiles "block" and "mutex": what threads have waited for each other, by the stack that waited and by
// the stack that unlocked.
//
// Whoever knows of a wait reports it here when it is over; a sampler of the thread's own decides
// (wait_sampler.h), and what is taken goes to the profile's stacks (sampling/counts/named_profiles.h). Both
// kinds of events of a thread share one countdown, which has no memory.
//
// Thread-safety: yes. Signal-safety: yes; what a handler reports that has interrupted the recording of a
// sample is lost, and counted. Allocates: mmap only, within metadata_limit. errno is left alone. Locks:
// kNamed.
#ifndef HEAPPROF_SAMPLING_CONTENTION_CONTENTION_H_
#define HEAPPROF_SAMPLING_CONTENTION_CONTENTION_H_

#include <stdint.h>

#include <atomic>

#include "sampling/unwind/caller_frame.h"

namespace heapprof::contention {

// The mean time of waiting between samples, in nanoseconds; 0: nothing is recorded. At most
// kMaxContentionInterval.
extern std::atomic<uint64_t> g_interval;
inline uint64_t Interval() { return g_interval.load(std::memory_order_relaxed); }
void SetInterval(uint64_t nanos);

// The stack of `caller` has waited, or has unlocked what others have waited for.
void RecordBlock(uint64_t nanos, const CallerFrame& caller);
void RecordUnlock(uint64_t nanos, const CallerFrame& caller);

// The child draws numbers of its own, and has none of the parent's waiters.
void AfterForkInChild();

}  // namespace heapprof::contention

#endif  // HEAPPROF_SAMPLING_CONTENTION_CONTENTION_H_
