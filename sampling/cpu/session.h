// SPDX-License-Identifier: Apache-2.0
// The memory and the counters of one CPU profile, and the collecting of its records.
//
// No thread collects. Whoever writes a record then takes the lock, if it is free, and merges some records,
// more than one, into the counts: so the buffer stays short, and the cost is spread over the ticks.
//
// Thread-safety: Record and the calls for dlclose from any thread. Signal-safety: Record. Allocates: mmap
// only. Lock: kCpuStacks; a handler only tries it.
#ifndef HEAPPROF_SAMPLING_CPU_SESSION_H_
#define HEAPPROF_SAMPLING_CPU_SESSION_H_

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include <atomic>

#include "base/lock/spinlock.h"
#include "sampling/counts/stack_counts.h"
#include "sampling/cpu/profile_buffer.h"

namespace heapprof::cpu {

class Session {
 public:
  // Zeroed mapped memory that is a session; nullptr: no memory.
  // `threads`: the most clocks there will be.
  static Session* Make(size_t threads);
  // No handler is inside.
  void Free();

  // Records the place that a tick's handler interrupted, for `weight` periods of the thread with this clock.
  void RecordTick(const ucontext_t& context, uint32_t weight, uint64_t clock);
  // Records what no tick has told of in a thread that ends: under the place that its last tick told of, or,
  // if there was none, under the function it was started with; if that is not known, 0, without a frame.
  void RecordEnd(uintptr_t function, uint32_t weight, uint64_t clock);
  // Merges what is left. No record is written any more.
  void Finish();
  // Then: the same for a thread that goes on.
  void ChargeRest(uintptr_t function, uint64_t weight, uint64_t clock);
  // What no tick of the process' clock has told of: under the last place that one told of.
  void ChargeRestOfProcess(uint64_t weight);

  // Of modules that dlclose unmaps; see sampling/module_watch.h. What the buffer holds is taken out first.
  // The caller has all signals blocked.
  bool HasLocationIn(uint64_t start, uint64_t limit);
  void MoveLocations(uint64_t start, uint64_t limit, uint64_t to);

  const StackCounts& stacks() const { return stacks_; }
  uint64_t lost() const { return buffer_.lost(); }
  uint64_t samples() const { return samples_; }
  uint64_t truncated() const { return truncated_; }
  uint64_t in_bare_code() const { return in_bare_code_; }
  uint64_t ended() const { return ended_; }
  // As many samples of equal weight would scatter as much as those of this profile.
  uint64_t effective_samples() const {
    __extension__ using Wide = unsigned __int128;
    return squares_ == 0 ? 0 : static_cast<uint64_t>(Wide{periods_} * periods_ / squares_);
  }

 private:
  struct Scratch;
  struct Walk;

  Session(ProfileBuffer::Word* words, size_t capacity) : buffer_(words, capacity) {}
  static void RunWalk(void* walk);
  Scratch* TakeScratch();
  // On its stack.
  void RunOn(Scratch* scratch, void (*function)(void*), void* argument);
  void Drain();
  void DrainSome(uintptr_t* pcs);
  void Charge(const Record& record);
  uint32_t* LastOf(uint64_t clock);

  ProfileBuffer buffer_;
  // Held by who reads the buffer and writes what follows.
  SpinLock<LockRank::kCpuStacks> lock_;
  StackCounts stacks_;
  uint64_t samples_, truncated_, in_bare_code_, ended_;
  uint64_t periods_, squares_;  // the sums of all weights and of their squares
  // For each number of a clock, where its last tick was: the clock's count, and the entry of stacks_.
  struct Last {
    uint32_t count, entry;
  };
  Last* last_;
  uint32_t last_entry_;  // of any thread; 0: none

  size_t bytes_;
  char* scratch_;
  size_t scratch_size_, scratch_count_;

 public:
  int hz, pid;
  int64_t period, start, start_monotonic;
  // Once the clocks have ended.
  bool halted, signal_taken;
  int64_t duration;
  uint64_t unplaced, outside;           // periods
  std::atomic<uint64_t> process_given;  // periods, where ticks come from the process' clock
};

}  // namespace heapprof::cpu

#endif  // HEAPPROF_SAMPLING_CPU_SESSION_H_
