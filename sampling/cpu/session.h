// The memory and the counters of one CPU profile, and the collector's work on them.
//
// Thread-safety: Record from any thread; Collect by the collector. Signal-safety: Record. Allocates: mmap
// only.
#ifndef HEAPPROF_SAMPLING_CPU_SESSION_H_
#define HEAPPROF_SAMPLING_CPU_SESSION_H_

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include <atomic>

#include "sampling/cpu/profile_buffer.h"
#include "sampling/cpu/raw_thread.h"
#include "sampling/stack_counts.h"

namespace heapprof::cpu {

class Session {
 public:
  // Zeroed mapped memory that is a session, its collector not started; nullptr: no memory.
  static Session* Make();
  // The collector has ended, and no handler is inside.
  void Free();

  // Starts and ends the collector. It calls `sweep` about once a second. 0 or -errno.
  int StartCollector(void (*sweep)());
  void JoinCollector();
  void ForgetCollectorAfterFork() { collector_.ForgetAfterFork(); }
  int collector_tid() const { return collector_.tid(); }

  // Records the place that a tick's handler interrupted, for `weight` periods.
  void RecordTick(const ucontext_t& context, uint32_t weight);
  // Records `weight` periods of a thread that ends, under the function it was started with.
  void RecordEnd(uintptr_t function, uint32_t weight);

  const StackCounts& stacks() const { return stacks_; }
  uint64_t lost() const { return buffer_.lost(); }
  uint64_t samples() const { return samples_; }
  uint64_t truncated() const { return truncated_; }

 private:
  struct Scratch;
  struct Walk;

  Session(ProfileBuffer::Word* words, size_t capacity) : buffer_(words, capacity) {}
  static void RunWalk(void* walk);
  static void RunCollector(void* session);
  Scratch* TakeScratch();
  void Drain();
  void WakeCollector();

  ProfileBuffer buffer_;
  StackCounts stacks_;
  RawThread collector_;
  void (*sweep_)();
  uint64_t samples_, truncated_;  // the collector's
  size_t bytes_;
  char* scratch_;
  size_t scratch_size_, scratch_count_;
  std::atomic<uint32_t> wake_;  // a futex: not 0 when the collector is to look at once
  std::atomic<bool> stopping_;

 public:
  int hz, pid;
  int64_t period, start, start_monotonic;
  std::atomic<uint64_t> process_given;  // periods, where ticks come from the process' clock
  std::atomic<uint64_t> ended;
};

}  // namespace heapprof::cpu

#endif  // HEAPPROF_SAMPLING_CPU_SESSION_H_
