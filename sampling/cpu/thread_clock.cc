// SPDX-License-Identifier: Apache-2.0
#include "sampling/cpu/thread_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>

#include "base/system/raw_syscall.h"

namespace heapprof::cpu {
namespace {

// The clock id of a thread's CPU time (sched_clock's precision), as the kernel's ABI has it.
clockid_t CpuClockOf(int tid) {
  constexpr unsigned kPerThread = 4, kScheduler = 2;
  return static_cast<clockid_t>((~static_cast<unsigned>(tid) << 3) | kPerThread | kScheduler);
}

int64_t ReadClock(clockid_t clock) {
  timespec now = {};
  if (RawSyscall(SYS_clock_gettime, clock, reinterpret_cast<long>(&now)) != 0) return -1;
  return int64_t{now.tv_sec} * kNanosPerSecond + now.tv_nsec;
}

timespec ToTimespec(int64_t nanos) { return {nanos / kNanosPerSecond, nanos % kNanosPerSecond}; }

perf_event_attr CpuClockEvent(int64_t period) {
  perf_event_attr attributes = {};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof(attributes);
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.sample_period = static_cast<uint64_t>(period);
  attributes.wakeup_events = 1;
  attributes.disabled = 1;
  attributes.exclude_hv = 1;
  return attributes;
}

long OpenEvent(int tid, int64_t period) {
  perf_event_attr attributes = CpuClockEvent(period);
  return RawSyscall(SYS_perf_event_open, reinterpret_cast<long>(&attributes), tid, -1, -1,
                    PERF_FLAG_FD_CLOEXEC);
}

long Control(int fd, unsigned long command, void* argument = nullptr) {
  return RawSyscall(SYS_ioctl, fd, static_cast<long>(command), reinterpret_cast<long>(argument));
}

// A program may have closed our descriptor with all it did not know, and have another under that number now.
bool StillOurs(const ThreadClock& clock) {
  uint64_t id = 0;
  return Control(clock.event, PERF_EVENT_IOC_ID, &id) == 0 && id == clock.event_id;
}

// Leaves at least half of the descriptors that the program may have to the program.
bool TakesTooMany(int fd) {
  rlimit limit = {};
  return RawSyscall(SYS_getrlimit, RLIMIT_NOFILE, reinterpret_cast<long>(&limit)) == 0 &&
         static_cast<uint64_t>(fd) >= limit.rlim_cur / 2;
}

// How often the calling thread lost its processor before its time.
int64_t TimesPreempted() {
  rusage usage = {};
  RawSyscall(SYS_getrusage, RUSAGE_THREAD, reinterpret_cast<long>(&usage));
  return usage.ru_nivcsw;
}

}  // namespace

int64_t ThreadCpuNanos(int tid) { return ReadClock(tid == 0 ? CLOCK_THREAD_CPUTIME_ID : CpuClockOf(tid)); }

int64_t ProcessCpuNanos() { return ReadClock(CLOCK_PROCESS_CPUTIME_ID); }

int64_t TickNanos() {
  timespec tick = {};
  if (RawSyscall(SYS_clock_getres, CLOCK_MONOTONIC_COARSE, reinterpret_cast<long>(&tick)) != 0) return 0;
  return int64_t{tick.tv_sec} * kNanosPerSecond + tick.tv_nsec;
}

int StartTimer(ThreadClock* clock, int64_t period, uint32_t number) {
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = kTickSignal;
  event.sigev_value.sival_ptr = reinterpret_cast<void*>(kTimerMark | number);
  event._sigev_un._tid = clock->tid;
  int timer = -1;
  long error = RawSyscall(SYS_timer_create, CpuClockOf(clock->tid), reinterpret_cast<long>(&event),
                          reinterpret_cast<long>(&timer));
  if (error != 0) return static_cast<int>(error);
  itimerspec times = {ToTimespec(period), ToTimespec(clock->first)};
  error = RawSyscall(SYS_timer_settime, timer, TIMER_ABSTIME, reinterpret_cast<long>(&times), 0);
  if (error != 0) {
    RawSyscall(SYS_timer_delete, timer);
    return static_cast<int>(error);
  }
  clock->timer = timer;
  return 0;
}

int StartEvent(ThreadClock* clock, int64_t period, int64_t event_period) {
  long fd = OpenEvent(clock->tid, event_period);
  if (fd < 0) return static_cast<int>(fd);
  clock->event = static_cast<int>(fd);
  f_owner_ex owner = {F_OWNER_TID, clock->tid};
  if (TakesTooMany(clock->event) || Control(clock->event, PERF_EVENT_IOC_ID, &clock->event_id) != 0 ||
      RawSyscall(SYS_fcntl, fd, F_SETOWN_EX, reinterpret_cast<long>(&owner)) != 0 ||
      RawSyscall(SYS_fcntl, fd, F_SETSIG, kTickSignal) != 0 ||
      RawSyscall(SYS_fcntl, fd, F_SETFL, O_ASYNC | O_NONBLOCK) != 0 ||
      Control(clock->event, PERF_EVENT_IOC_ENABLE) != 0) {
    RawClose(clock->event);
    clock->event = -1;
    return -EMFILE;
  }
  clock->first = ThreadCpuNanos(clock->tid) + period;
  return 0;
}

int TryEvent(int64_t period) {
  long fd = OpenEvent(0, period);
  if (fd < 0) return static_cast<int>(fd);
  RawClose(static_cast<int>(fd));
  return 0;
}

int64_t EventTickCost() {
  // As fast as events may ever be asked for. Faster ones, on a machine where an interrupt costs what it does
  // under some hypervisors, would leave no time to end the measurement.
  constexpr int64_t kPeriod = 250'000;
  constexpr int kRuns = 5, kTries = 20;
  // With the signal and its handler a tick costs 2.4 times what the interrupt does, and more where ticks come
  // more seldom than here, with cold caches.
  constexpr int64_t kTickFactor = 3;
  // One to two milliseconds without. On the wall clock, as some kernels take interrupts out of a thread's CPU
  // time.
  auto run = [] {
    int64_t begin = RawMonotonicNanos();
    for (int i = 0; i < 4'000'000; ++i) asm volatile("" : : "r"(i));
    return RawMonotonicNanos() - begin;
  };
  long fd = OpenEvent(0, kPeriod);
  if (fd < 0) return INT64_MAX;
  // In turn, as the machine may have other work, without the pairs in which another thread ran; and of the
  // differences the second largest: taken for dear, events cost places, taken for cheap, they cost time.
  int64_t costs[kRuns];
  int runs = 0;
  for (int tries = 0; runs < kRuns && tries < kTries; ++tries) {
    int64_t preempted = TimesPreempted();
    int64_t without = run();
    Control(static_cast<int>(fd), PERF_EVENT_IOC_ENABLE);
    int64_t with = run();
    Control(static_cast<int>(fd), PERF_EVENT_IOC_DISABLE);
    if (TimesPreempted() != preempted) continue;
    costs[runs++] = with <= without ? 0 : kTickFactor * (with - without) * kPeriod / with;
  }
  RawClose(static_cast<int>(fd));
  if (runs < 2) return INT64_MAX;
  std::sort(costs, costs + runs);
  return costs[runs - 2];
}

int64_t EventPeriod(int64_t period, int64_t tick, int64_t cost) {
  constexpr int64_t kMaxPercent = 3;
  if (period >= tick || cost >= tick * kMaxPercent / 100) return 0;
  return std::max(period, cost * 100 / kMaxPercent);
}

void StopClock(ThreadClock* clock) {
  if (clock->timer >= 0) RawSyscall(SYS_timer_delete, clock->timer);
  clock->timer = -1;
  if (clock->event >= 0 && StillOurs(*clock)) RawClose(clock->event);
  clock->event = -1;
}

void CloseAfterFork(ThreadClock* clock) {
  if (clock->event >= 0 && StillOurs(*clock)) RawClose(clock->event);
  clock->event = clock->timer = -1;
}

}  // namespace heapprof::cpu
