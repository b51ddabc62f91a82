// SPDX-License-Identifier: Apache-2.0
// What the recorder keeps for each thread.
//
// Plain data in initial-exec TLS, zero at birth; no destructor, and no list of the threads: a thread that
// ends leaves nothing behind that anyone would look for, however it ends. Thread-safety: an object belongs to
// its thread, and no other touches it. Signal-safety: reading one's own. Allocates: never.
#ifndef HEAPPROF_SAMPLING_THREAD_THREAD_STATE_H_
#define HEAPPROF_SAMPLING_THREAD_THREAD_STATE_H_

#include <stdint.h>

#include "sampling/heap/bucket_table.h"
#include "sampling/heap/sampler.h"
#include "sampling/unwind/last_walk.h"
#include "sampling/unwind/walk.h"

namespace heapprof {

// What a thread recorded last, and what its countdown was then; where lifetimes are collected.
struct NewestBlock {
  const void* block;
  uint64_t countdown;
  int64_t birth;
};

struct ThreadState {
  Sampler sampler;
  uint64_t interval;  // R of the current countdown
  bool seeded;
  bool sampling;     // between Decide and RecordAllocation: nested allocations are no samples
  bool off;          // this thread's allocations are no samples (recorder::SampleThread)
  bool inside;       // holds locks of ours, or asks libc something
  uint32_t ignored;  // depth of recorder::IgnoreAllocations
  uint32_t looks;    // blocks since the start, of those at which it might have looked at the clock
  int tid;           // of the thread whose TLS this is; 0: it has not allocated yet
  StackBounds stack;
  BucketTrail trail;  // at interval 1
  NewestBlock newest;
  LastWalk* last_walk;  // of last_walks.h
  bool takes_no_walk;   // it ends, or there was none to be had
};

// `extern __thread`, as for an `extern thread_local` the compiler asks at each use whether its constructor
// has run.
extern __thread ThreadState t_thread_state __attribute__((tls_model("initial-exec")));
inline ThreadState& CurrentThread() { return t_thread_state; }

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_THREAD_THREAD_STATE_H_
