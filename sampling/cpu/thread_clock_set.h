// SPDX-License-Identifier: Apache-2.0
// The clocks of all threads of the process, while a CPU profile runs.
//
// Threads that exist at the start are found in /proc/self/task; later ones enter themselves first thing in
// their life, and leave at its end; what did neither (a thread that libc does not know) is swept up once it
// is dead. Where the process has no timers left (RLIMIT_SIGPENDING), all clocks are given up for one
// ITIMER_PROF.
//
//   number -> ThreadClock      in an array; the numbers go with the signals
//   tid -> number              chains, under the lock
//   descriptor -> number       for events, whose signals carry only that
//
// Thread-safety: yes, but for Open and Close, which the sampler's start and stop call. Signal-safety:
// ClockOf; the others block signals while they hold the lock. Allocates: mmap only. Lock: kCpuClocks.
#ifndef HEAPPROF_SAMPLING_CPU_THREAD_CLOCK_SET_H_
#define HEAPPROF_SAMPLING_CPU_THREAD_CLOCK_SET_H_

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/lock/spinlock.h"
#include "base/system/raw_syscall.h"
#include "sampling/cpu/thread_clock.h"

namespace heapprof::cpu {

enum class ClockKind { kThreadTimers, kThreadEvents, kProcessTimer };

class ThreadClockSet {
 public:
  // Begins with `period` nanoseconds and room for `capacity` threads; none has a clock yet. The number of the
  // session keeps its signals apart from those of an earlier one. `only_timers`: no clock is a descriptor. 0
  // or -ENOMEM.
  int Open(int64_t period, size_t capacity, uint32_t session, bool only_timers);
  // Gives each thread that exists a clock. 0 or -errno: the process may set no timer of any kind (a seccomp
  // filter).
  int AddAll();
  // Gives the calling thread a clock, which has just begun with `function`, so that its CPU time counts from
  // 0.
  void AddNew(uintptr_t function) { Add(RawGetTid(), true, function); }
  // Ends the clock of a thread that ends, in that thread. Returns it, with the periods of CPU time that no
  // tick has told of.
  struct Rest {
    uint64_t clock;  // its id; 0: it had none
    uintptr_t function;
    uint64_t periods;
  };
  Rest Remove(int tid);
  // Stops all clocks: no tick begins after it.
  void StopAll();
  // Then: what no tick has told of, each thread's given to use(Rest).
  template <typename Use>
  void ForEachRest(Use use) {
    for (uint32_t number = 1; number <= used_; ++number) {
      const ThreadClock& clock = At(number);
      uint64_t periods = clock.given.load(std::memory_order_relaxed);
      if (clock.tid != 0 && periods != 0) use(Rest{clock.id, clock.function, periods});
    }
  }
  // Gives the memory back; no handler asks any more.
  void Close();

  // And the periods that the process has used but no clock: what the kernel does when a thread ends, and
  // threads that had no clock.
  uint64_t OutsidePeriods();

  // For a tick's handler: the clock that sent `info`; nullptr: none of ours.
  ThreadClock* ClockOf(const siginfo_t& info);

  ClockKind kind() const { return kind_.load(std::memory_order_acquire); }
  int64_t period() const { return period_; }
  // ITIMER_PROF was set by us last; its signals have no mark. Stays true when it has ended.
  bool process_timer_is_ours() const { return process_timer_is_ours_.load(std::memory_order_relaxed); }
  void DisownProcessTimer() { process_timer_is_ours_.store(false, std::memory_order_relaxed); }
  // Process CPU time at which ITIMER_PROF was set.
  int64_t process_base() const { return __atomic_load_n(&process_base_, __ATOMIC_RELAXED); }

  // Around exec, if that is where this process goes: clocks that outlive it are stopped, and set again when
  // it has failed.
  void PauseForExec();
  void ResumeAfterExec();

  bool LockForFork() { return lock_.LockForFork(); }
  void UnlockAfterForkInParent() { lock_.UnlockAfterFork(false); }
  void ForgetAfterFork();

 private:
  static constexpr uint32_t kChains = 1 << 12;
  struct alignas(64) Memory {
    uint32_t chains[kChains];
    uint32_t capacity;
    // ThreadClock clocks[capacity + 1] and uint32_t of_event[capacity] follow
  };

  ThreadClock& At(uint32_t number) { return clocks_[number]; }
  uint32_t* ChainOf(int tid) { return &memory_->chains[static_cast<uint32_t>(tid) % kChains]; }
  uint32_t Find(int tid);
  void Add(int tid, bool born, uintptr_t function);
  // Ends the clocks of threads that are dead.
  void Sweep();
  uint32_t Take(int tid);
  uint64_t PeriodsLeft(const ThreadClock& clock, int64_t now);
  void Release(uint32_t number);
  int StartClock(uint32_t number);
  void FallBack();
  int SetProcessTimer(int64_t period);
  uint64_t Random();

  SpinLock<LockRank::kCpuClocks> lock_;
  int64_t period_ = 0, event_period_ = 0;
  std::atomic<ClockKind> kind_{ClockKind::kThreadTimers};
  int64_t process_base_ = 0;
  std::atomic<bool> process_timer_is_ours_{false};
  int64_t process_begin_ = 0;  // process CPU time when the profile began
  int64_t told_ = 0;           // what the clocks that have ended saw of it
  int64_t outside_ = 0;
  uint64_t random_ = 0;
  uint32_t session_ = 0;
  int error_ = 0;       // that kept ITIMER_PROF from standing in
  uint32_t taken_ = 0;  // clocks ever given
  size_t bytes_ = 0;
  Memory* memory_ = nullptr;
  ThreadClock* clocks_ = nullptr;
  uint32_t* of_event_ = nullptr;
  uint32_t used_ = 0;  // numbers 1..used_ were given once
  uint32_t free_ = 0;  // a chain
  uint32_t live_ = 0, sweep_at_ = 0;
};

}  // namespace heapprof::cpu

#endif  // HEAPPROF_SAMPLING_CPU_THREAD_CLOCK_SET_H_
