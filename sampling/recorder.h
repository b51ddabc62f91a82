// SPDX-License-Identifier: Apache-2.0
// The recorder: the only entrance from the allocator's slow path into sampling.
//
// The fast path counts a thread's bytes down. When the countdown is used up, the slow path calls here:
//     Decide -> [allocate with SampleAlignment] -> RecordAllocation            on allocation
//     RecordFree -> [give the block back]                                      on free
// Thread-safety: yes. Signal-safety: yes; while this thread is inside, what a signal handler allocates is not
// sampled (Decide says no). Allocates: never from the heap. Locks: kLiveShard and kStackInsert, held for
// bounded time.
#ifndef HEAPPROF_SAMPLING_RECORDER_H_
#define HEAPPROF_SAMPLING_RECORDER_H_

#include <stddef.h>
#include <stdint.h>

#include "sampling/thread/countdown.h"
#include "sampling/unwind/caller_frame.h"

namespace heapprof {

namespace recorder {

// Begins sampling, with the interval that the options say; until then Decide says no. Options are parsed by
// then. Call once.
void Start();
bool Started();

// Decides on an allocation of `size` bytes: one on which the countdown ran out, or the first after a change
// of the interval. The fast path has already subtracted `size`. Sets the countdown anew. Returns the interval
// R >= 1 with which the allocation is to be recorded, or 0: it is no sample. After a nonzero answer call one
// of RecordAllocation, Forget and Postpone.
uint64_t Decide(size_t size);

// What records, as Start chose it: with lifetimes or without. Two calls through a pointer cost no instruction
// more than two calls.
struct Recording {
  void (*allocation)(const void* block, size_t size, uint64_t interval, const CallerFrame& caller,
                     int lg_alignment);
  bool (*free)(const void* block);
};
extern Recording g_recording;

// The alignment A that a block sampled now must have; a power of two, 16..4096.
size_t SampleAlignment();

// Records a block of `size` bytes at `block`, an answer of Decide. `lg_alignment`: what was asked for, as its
// binary logarithm.
inline void RecordAllocation(const void* block, size_t size, uint64_t interval, const CallerFrame& caller,
                             int lg_alignment = 0) {
  g_recording.allocation(block, size, interval, caller, lg_alignment);
}
// The allocation that Decide took failed.
void Forget();
// The next allocation of this thread is to be the sample that Decide took, as this one cannot be.
void Postpone();

// If `block` is a sample, takes it out of the live table and counts its free; true then.
// Must be called before the block goes back to the allocator. A miss takes no lock.
inline bool RecordFree(const void* block) { return g_recording.free(block); }
// A live sample: what it was recorded with.
struct Sample {
  size_t size;
  uint64_t interval;
  int lg_alignment;  // kMaxLgAlignment: that, or more
};
inline constexpr int kMaxLgAlignment = 15;
bool IsSample(const void* block, Sample* sample);

// For a live sample whose size has changed in place. If it grew, it becomes a sample of its new size. If it
// shrank, a draw decides: with the smaller probability of its new size it stays a sample, else it counts as
// freed.
void RecordResize(const void* block, const Sample& sample, size_t size, const CallerFrame& caller);

// The mean interval, for the API. An allocation that begins after SetInterval has returned is decided with
// the new one, whichever thread makes it. Both are signal-safe and take no lock.
uint64_t Interval();
void SetInterval(uint64_t bytes);

// Whether the calling thread's allocations may be samples, and those of threads that come. All may, at first.
void SampleThread(bool on);
bool SamplesThread();
void SampleNewThreads(bool on);
bool SamplesNewThreads();

// Adds to counts[id - 1] the live samples of the buckets 1..buckets that were allocated since NextLeakEpoch
// returned `epoch`. In a handler that interrupted the recorder some may be missed.
void CountLiveSince(uint32_t epoch, uint32_t* counts, uint32_t buckets);

// True if every block that the program has was recorded: the interval was 1 from the start, and no block was
// left out for want of memory.
bool RecordsEverything();

// For the leak check. A scope's blocks are those whose epoch is not below the one that NextLeakEpoch returned
// at its begin.
uint32_t NextLeakEpoch();
// Blocks that the calling thread allocates between (true) and (false), which nest, are passed over by the
// check.
void IgnoreAllocations(bool on);
// The same for one block. False: it is not recorded.
bool IgnoreBlock(const void* block);

// Around fork(). PrepareFork takes the recorder's locks, ParentAfterFork and ChildAfterFork release them. The
// child draws a new seed. PrepareFork waits as a SpinLock's LockForFork does; if it returns false, it has
// taken none. ChildAfterFork is for copies of the process (base/system/process_copy.h) too.
bool PrepareFork();
void ParentAfterFork();
void ChildAfterFork();

// For the pthread_create wrapper: the thread's stack bounds, known without asking libc. Called in the new
// thread, first thing.
void ThreadBegins(uintptr_t stack_low, uintptr_t stack_high);

}  // namespace recorder
}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_RECORDER_H_
