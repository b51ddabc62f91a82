// SPDX-License-Identifier: Apache-2.0
// What makes a thread tick: a timer or a counter on its own CPU time.
//
// A tick is due whenever the thread's CPU time reaches
//     first + k * period,   k = 0, 1, 2, ...                                         (1)
// with `first` drawn at random within a period, so that a thread which lives for less than one is counted
// with the right probability. The signal goes to that thread, and carries the clock's number.
//
//   timer   timer_create with SIGEV_THREAD_ID on the thread's CPU clock. Fires no faster than the kernel's
//           tick, but says how many periods have passed besides (si_overrun).
//   event   perf_event_open's software cpu-clock. Fires at any rate; where it may not count kernel time it is
//           no substitute and is not used. Its signals merge without a count, and it may be set to fire more
//           seldom than ticks are due, so the thread's CPU clock is asked how many periods have passed.
//
// Thread-safety: an object is changed under the lock of thread_clock_set.h; `given` by its thread's handler.
// Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_CPU_THREAD_CLOCK_H_
#define HEAPPROF_SAMPLING_CPU_THREAD_CLOCK_H_

#include <signal.h>
#include <stdint.h>

#include <atomic>

namespace heapprof::cpu {

inline constexpr int kTickSignal = SIGPROF;
inline constexpr int64_t kNanosPerSecond = 1'000'000'000;

struct alignas(64) ThreadClock {
  // Its number in the high half, and below it a count that no other clock of the profile has.
  uint64_t id;
  uintptr_t function;  // that the thread was started with; 0: not known
  int tid;             // 0: free
  int timer;           // the kernel's id; -1: none
  int event;           // a descriptor; -1: none
  uint32_t next;
  uint64_t event_id;     // the kernel's, as the program may close descriptors that it does not know
  int64_t begin, first;  // nanoseconds of the thread's CPU time
  // Periods that were recorded, or counted as lost; once all clocks are stopped, those left to record.
  std::atomic<uint64_t> given;
};

// CPU time of a thread of this process, in nanoseconds; of the calling one if tid is 0; -1: there is no such
// thread.
int64_t ThreadCpuNanos(int tid);
int64_t ProcessCpuNanos();
// Of the scheduler's tick, which CPU timers keep to.
int64_t TickNanos();

// Periods due at CPU time `now` by (1).
inline uint64_t PeriodsDue(int64_t first, int64_t period, int64_t now) {
  return now < first ? 0 : static_cast<uint64_t>((now - first) / period) + 1;
}

// A timer's signal carries this above the number.
inline constexpr uint64_t kTimerMark = uint64_t{0x68702d74} << 32;
inline bool IsTimerTick(const siginfo_t& info) {
  return (reinterpret_cast<uint64_t>(info.si_value.sival_ptr) & (~uint64_t{0} << 32)) == kTimerMark;
}

// Each starts a clock for `clock->tid`: a timer whose first tick is at `clock->first`, with `number` as its
// signals' value; an event that fires each `event_period`, which sets `first`. 0 or -errno: -EAGAIN, the
// process has no timers left; -EINVAL or -ESRCH, the thread has ended.
int StartTimer(ThreadClock* clock, int64_t period, uint32_t number);
int StartEvent(ThreadClock* clock, int64_t period, int64_t event_period);
// Whether events may be used here. 0 or -errno.
int TryEvent(int64_t period);
// What one tick of an event costs here, interrupt and signal, in nanoseconds. Measured by a loop of some
// milliseconds that takes longer under events. INT64_MAX: it could not be.
int64_t EventTickCost();
// How often events should fire, where ticks are due each `period`, one of an event costs `cost`, and the
// kernel's comes each `tick`: as ticks are due, but so seldom that they take 3 % of the time at most. 0: no
// more often than the kernel's tick, and timers do as well.
int64_t EventPeriod(int64_t period, int64_t tick, int64_t cost);

void StopClock(ThreadClock* clock);
// In a forked child, which has inherited descriptors, but no timers.
void CloseAfterFork(ThreadClock* clock);

}  // namespace heapprof::cpu

#endif  // HEAPPROF_SAMPLING_CPU_THREAD_CLOCK_H_
