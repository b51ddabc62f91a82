// SPDX-License-Identifier: Apache-2.0
#include "sampling/cpu/thread_clock_set.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "base/hash.h"
#include "base/memory/arena.h"
#include "base/options.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"
#include "sampling/heap/sampler.h"
#include "sampling/stop/thread_table.h"

namespace heapprof::cpu {
namespace {

constexpr int kNumberBits = 16;  // a signal's value: session, number
constexpr uint32_t kFirstSweep = 64;

// 0: timers.
int64_t WantedEventPeriod(int64_t period) {
  CpuClock wanted = GetOptions().cpu_clock;
  if (wanted == CpuClock::kTimer || TryEvent(period) != 0) return 0;
  if (wanted == CpuClock::kEvent) return period;
  const int64_t tick = TickNanos();
  if (period >= tick) return 0;
  static int64_t cost = -1;  // starts are one at a time
  if (cost < 0) cost = EventTickCost();
  return EventPeriod(period, tick, cost);
}

bool IsDead(int tid) { return RawSyscall(SYS_tgkill, RawGetPid(), tid, 0) == -ESRCH; }

// Takes back a tick that is pending for this thread or process. Signals are blocked.
void TakePendingTick() {
  uint64_t tick = uint64_t{1} << (kTickSignal - 1);
  timespec no_time = {0, 0};
  while (RawSyscall(SYS_rt_sigtimedwait, reinterpret_cast<long>(&tick), 0, reinterpret_cast<long>(&no_time),
                    sizeof(tick)) == kTickSignal) {
  }
}

}  // namespace

int ThreadClockSet::Open(int64_t period, size_t capacity, uint32_t session, bool only_timers) {
  constexpr size_t kMax = (1 << kNumberBits) - 1;
  if (capacity > kMax) capacity = kMax;
  bytes_ = sizeof(Memory) + (capacity + 1) * sizeof(ThreadClock) + capacity * sizeof(uint32_t);
  memory_ = static_cast<Memory*>(MapMetadata(bytes_));
  if (memory_ == nullptr) return -ENOMEM;
  memory_->capacity = static_cast<uint32_t>(capacity);
  clocks_ = reinterpret_cast<ThreadClock*>(memory_ + 1);
  of_event_ = reinterpret_cast<uint32_t*>(clocks_ + capacity + 1);
  period_ = period;
  session_ = session & 0x7fff;
  used_ = free_ = live_ = 0;
  sweep_at_ = kFirstSweep;
  random_ = TrueRandom();
  event_period_ = only_timers ? 0 : WantedEventPeriod(period);
  kind_ = event_period_ != 0 ? ClockKind::kThreadEvents : ClockKind::kThreadTimers;
  return 0;
}

void ThreadClockSet::Close() {
  void* memory = memory_;
  memory_ = nullptr;
  UnmapMetadata(memory, bytes_);
}

uint32_t ThreadClockSet::Find(int tid) {
  uint32_t number = *ChainOf(tid);
  while (number != 0 && At(number).tid != tid) number = At(number).next;
  return number;
}

// 0: there are no more.
uint32_t ThreadClockSet::Take(int tid) {
  uint32_t number = free_;
  if (number != 0) {
    free_ = At(number).next;
  } else if (used_ < memory_->capacity) {
    number = ++used_;
  } else {
    return 0;
  }
  ThreadClock& clock = At(number);
  clock.id = uint64_t{number} << 32 | ++taken_;
  clock.tid = tid;
  clock.timer = clock.event = -1;
  clock.given.store(0, std::memory_order_relaxed);
  ++live_;
  uint32_t* chain = ChainOf(tid);
  clock.next = *chain;
  *chain = number;
  return number;
}

void ThreadClockSet::Release(uint32_t number) {
  ThreadClock& clock = At(number);
  if (clock.event >= 0) __atomic_store_n(&of_event_[clock.event], 0, __ATOMIC_RELAXED);
  StopClock(&clock);
  uint32_t* link = ChainOf(clock.tid);
  while (*link != number) link = &At(*link).next;
  *link = clock.next;
  clock.tid = 0;
  clock.next = free_;
  free_ = number;
  --live_;
}

int ThreadClockSet::StartClock(uint32_t number) {
  ThreadClock* clock = &At(number);
  if (kind() == ClockKind::kThreadEvents && StartEvent(clock, period_, event_period_) == 0) {
    if (clock->event < static_cast<int>(memory_->capacity)) {
      __atomic_store_n(&of_event_[clock->event], number, __ATOMIC_RELAXED);
      return 0;
    }
    StopClock(clock);
  }
  return StartTimer(clock, period_, session_ << kNumberBits | number);
}

int ThreadClockSet::SetProcessTimer(int64_t period) {
  itimerval value = {};
  value.it_interval.tv_sec = value.it_value.tv_sec = period / kNanosPerSecond;
  value.it_interval.tv_usec = value.it_value.tv_usec = period % kNanosPerSecond / 1000;
  return static_cast<int>(RawSyscall(SYS_setitimer, ITIMER_PROF, reinterpret_cast<long>(&value), 0));
}

// Under the lock. From here on ticks come from the process' clock, which the kernel gives to some thread that
// runs: better than some threads without any. Where not even that one may be set, the threads that have
// clocks keep them.
void ThreadClockSet::FallBack() {
  if (kind() == ClockKind::kProcessTimer) return;
  bool was_ours = process_timer_is_ours_.exchange(true, std::memory_order_relaxed);
  error_ = SetProcessTimer(period_);
  if (error_ != 0) return process_timer_is_ours_.store(was_ours, std::memory_order_relaxed);
  for (uint32_t number = 1; number <= used_; ++number) {
    if (At(number).tid != 0) Release(number);
  }
  __atomic_store_n(&process_base_, ProcessCpuNanos(), __ATOMIC_RELAXED);
  // release: the base before the kind, for the handler.
  kind_.store(ClockKind::kProcessTimer, std::memory_order_release);
}

void ThreadClockSet::Add(int tid, bool born, uintptr_t function) {
  SignalsBlocked blocked;
  SpinLockHolder hold(&lock_);
  if (kind() == ClockKind::kProcessTimer) return;
  if (uint32_t old = Find(tid)) {
    if (!born) return;
    Release(old);  // of a dead thread of the same id
  }
  // As threads that libc does not know leave without a word: once in so many that it costs each one little.
  if (live_ >= sweep_at_) {
    Sweep();
    sweep_at_ = live_ * 2 > kFirstSweep ? live_ * 2 : kFirstSweep;
  }
  uint32_t number = Take(tid);
  if (number == 0) return FallBack();
  At(number).function = function;
  int64_t now = born ? 0 : ThreadCpuNanos(tid);
  At(number).begin = now;
  At(number).first = now + 1 + static_cast<int64_t>(Random() % static_cast<uint64_t>(period_));
  int error = now < 0 ? -ESRCH : StartClock(number);
  if (error == -EAGAIN) {
    Sweep();  // the dead hold timers
    error = StartClock(number);
  }
  if (error == 0) return;
  Release(number);
  if (error != -ESRCH && error != -EINVAL) FallBack();
}

int ThreadClockSet::AddAll() {
  error_ = 0;
  told_ = 0;
  process_begin_ = ProcessCpuNanos();
  TaskFolder folder;
  if (folder.Open() != 0) {
    Add(RawGetTid(), false, 0);
    return error_;
  }
  auto add = [](void* clocks, int tid) {
    static_cast<ThreadClockSet*>(clocks)->Add(tid, false, 0);
    return true;
  };
  folder.ForEach(add, this);
  return error_;
}

// The periods due at CPU time `now` of its thread that no tick has told of.
uint64_t ThreadClockSet::PeriodsLeft(const ThreadClock& clock, int64_t now) {
  if (now < 0) return 0;  // the thread is dead
  // A thread whose first tick was not at random has its last one so.
  if (clock.event >= 0) now += static_cast<int64_t>(Random() % static_cast<uint64_t>(period_));
  uint64_t due = PeriodsDue(clock.first, period_, now);
  uint64_t given = clock.given.load(std::memory_order_relaxed);
  return due > given ? due - given : 0;
}

ThreadClockSet::Rest ThreadClockSet::Remove(int tid) {
  SignalsBlocked blocked;
  SpinLockHolder hold(&lock_);
  uint32_t number = Find(tid);
  if (number == 0) return {0, 0, 0};
  const ThreadClock& clock = At(number);
  int64_t now = ThreadCpuNanos(0);
  told_ += now - clock.begin;
  Rest rest = {clock.id, clock.function, PeriodsLeft(clock, now)};
  Release(number);
  return rest;
}

// Under the lock.
void ThreadClockSet::Sweep() {
  for (uint32_t number = 1; number <= used_; ++number) {
    if (At(number).tid != 0 && IsDead(At(number).tid)) Release(number);
  }
}

void ThreadClockSet::StopAll() {
  SignalsBlocked blocked;
  SpinLockHolder hold(&lock_);
  if (kind() == ClockKind::kProcessTimer) SetProcessTimer(0);
  for (uint32_t number = 1; number <= used_; ++number) {
    ThreadClock& clock = At(number);
    if (clock.tid == 0) continue;
    int64_t now = ThreadCpuNanos(clock.tid);
    if (now >= 0) told_ += now - clock.begin;
    uint64_t left = PeriodsLeft(clock, now);
    StopClock(&clock);
    clock.given.store(left, std::memory_order_relaxed);
  }
  outside_ = ProcessCpuNanos() - process_begin_ - told_;
}

uint64_t ThreadClockSet::OutsidePeriods() {
  // Down or up by chance, so that it is right on average.
  int64_t periods = (outside_ + static_cast<int64_t>(Random() % static_cast<uint64_t>(period_))) / period_;
  return periods > 0 ? static_cast<uint64_t>(periods) : 0;
}

ThreadClock* ThreadClockSet::ClockOf(const siginfo_t& info) {
  uint32_t number = 0;
  if (info.si_code == SI_TIMER) {
    auto value = static_cast<uint32_t>(info.si_value.sival_int);
    if (value >> kNumberBits == session_) number = value & ((1 << kNumberBits) - 1);
  } else if (info.si_code >= POLL_IN && info.si_code <= POLL_HUP) {
    if (info.si_fd >= 0 && info.si_fd < static_cast<int>(memory_->capacity)) {
      number = __atomic_load_n(&of_event_[info.si_fd], __ATOMIC_RELAXED);
    }
  }
  if (number == 0 || number > memory_->capacity) return nullptr;
  // The tick may have been on its way when the thread gave its clock back, and another one may have it now.
  return At(number).tid == RawGetTid() ? &At(number) : nullptr;
}

void ThreadClockSet::PauseForExec() {
  SignalsBlocked blocked;
  SpinLockHolder hold(&lock_);
  // The kernel ends timers and takes their signals back by itself.
  if (kind() == ClockKind::kProcessTimer) SetProcessTimer(0);
  for (uint32_t number = 1; number <= used_; ++number) {
    if (At(number).event >= 0) RawSyscall(SYS_ioctl, At(number).event, PERF_EVENT_IOC_DISABLE, 0);
  }
  TakePendingTick();
}

void ThreadClockSet::ResumeAfterExec() {
  SignalsBlocked blocked;
  SpinLockHolder hold(&lock_);
  if (kind() == ClockKind::kProcessTimer) SetProcessTimer(period_);
  for (uint32_t number = 1; number <= used_; ++number) {
    if (At(number).event >= 0) RawSyscall(SYS_ioctl, At(number).event, PERF_EVENT_IOC_ENABLE, 0);
  }
}

void ThreadClockSet::ForgetAfterFork() {
  if (memory_ != nullptr) {
    for (uint32_t number = 1; number <= used_; ++number) CloseAfterFork(&At(number));
    Close();
  }
  lock_.UnlockAfterFork(true);
}

uint64_t ThreadClockSet::Random() { return MixBits(random_ += kGoldenRatio); }

}  // namespace heapprof::cpu
