// What the recorder keeps for each thread, and the list of threads that a change of the interval must reach.
//
// Plain data in initial-exec TLS, zero at birth; no destructor. A thread enters the list with its first slow
// allocation and leaves it by a pthread key's destructor, once: what it allocates after that goes on with the
// interval it has.
// Thread-safety: an object belongs to its thread; the list has a lock. Signal-safety: reading one's own.
// Allocates: never from the heap (pthread_setspecific may, for high keys: the guard `inside` is set then).
// Lock: kThreadList.
#ifndef HEAPPROF_SAMPLING_THREAD_THREAD_STATE_H_
#define HEAPPROF_SAMPLING_THREAD_THREAD_STATE_H_

#include <stdint.h>

#include <atomic>

#include "sampling/heap/sampler.h"
#include "sampling/unwind/walk.h"

namespace heapprof {

struct ThreadState {
  Sampler sampler;
  uint64_t interval;            // R of the current countdown
  std::atomic<uint32_t> epoch;  // of the interval; 0: this thread was not set up
  bool seeded;
  bool listed;       // was entered into the list, once in its life
  bool sampling;     // between Decide and RecordAllocation: nested allocations are no samples
  bool inside;       // holds locks of ours, or asks libc something
  uint32_t ignored;  // depth of recorder::IgnoreAllocations
  StackBounds stack;
  uint64_t* countdown;  // this thread's t_countdown, for other threads
  ThreadState* next;
  ThreadState* previous;
};

ThreadState& CurrentThread();

// Sets up the list. Called once.
void InitThreadList();

// Enters the calling thread, if it was not in it yet.
void ListThread(ThreadState* state);

// Makes every listed thread other than the caller's take the slow way with its next allocation, unless it has
// seen `epoch` already.
void SendAllThreadsTheSlowWay(uint32_t epoch);

void LockThreadListForFork();
// In the child only the forking thread is left.
void UnlockThreadListAfterFork(bool in_child);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_THREAD_THREAD_STATE_H_
