// SPDX-License-Identifier: Apache-2.0
#include "sampling/cpu/cpu_sampler.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "base/limits.h"
#include "base/lock/shown.h"
#include "base/options.h"
#include "base/signal/signal_front.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"
#include "base/text.h"
#include "sampling/cpu/session.h"
#include "sampling/thread/last_walks.h"

namespace heapprof::cpu {
namespace {

// The session that handlers record into.
Shown<Session> g_active;
// The process that has a profile, running or halted; 0: none.
std::atomic<int> g_profiled_pid{0};

ThreadClockSet g_clocks;
Session* g_session = nullptr;  // Start's and Stop's
uint32_t g_sessions = 0;
std::atomic<uint64_t> g_samples{0}, g_lost{0}, g_fallbacks{0};
bool g_told_fallback = false;

pthread_key_t g_key;
bool g_have_key = false;

struct ThreadEnd {
  uintptr_t function;  // that the thread was started with; 0: not known
  int rounds;          // of the key's destructor
};
thread_local ThreadEnd t_end __attribute__((tls_model("initial-exec")));

class InFlight : public Shown<Session>::User {
 public:
  InFlight() : User(&g_active) {}
  Session* session() const { return get(); }
};

// The periods that a tick of the process' clock stands for: those that passed since another thread asked.
uint32_t TakeProcessPeriods(Session* session) {
  int64_t since = ProcessCpuNanos() - g_clocks.process_base();
  auto due = static_cast<uint64_t>((since + session->period / 2) / session->period);
  uint64_t given = session->process_given.load(std::memory_order_relaxed);
  do {
    if (due <= given) return 0;
  } while (!session->process_given.compare_exchange_weak(given, due, std::memory_order_relaxed));
  return static_cast<uint32_t>(due - given);
}

// The periods that this tick stands for; 0: it is none of ours, or others told of them.
uint32_t TakePeriods(const siginfo_t& info, Session* session, uint64_t* clock_id) {
  if (info.si_code == SI_KERNEL && g_clocks.kind() == ClockKind::kProcessTimer) {
    return TakeProcessPeriods(session);
  }
  ThreadClock* clock = g_clocks.ClockOf(info);
  if (clock == nullptr) return 0;
  *clock_id = clock->id;
  uint64_t given = clock->given.load(std::memory_order_relaxed);
  uint64_t periods;
  if (info.si_code == SI_TIMER) {
    periods = 1 + static_cast<uint64_t>(info.si_overrun > 0 ? info.si_overrun : 0);
  } else {
    // To the nearest: event and clock do not agree to the nanosecond.
    uint64_t due = PeriodsDue(clock->first, session->period, ThreadCpuNanos(0) + session->period / 2);
    if (due <= given) return 0;
    periods = due - given;
  }
  clock->given.store(given + periods, std::memory_order_relaxed);
  return static_cast<uint32_t>(periods);
}

void Tick(const siginfo_t* info, void* context) {
  // A late one may come under the mask of the program's handler, and be left by a jump out of
  // another: it must not be counted. While there is a session all signals are blocked here.
  if (g_active.Peek() == nullptr) return;
  InFlight in_flight;
  Session* session = in_flight.session();
  if (session == nullptr) return;
  uint64_t clock = 0;
  uint32_t periods = TakePeriods(*info, session, &clock);
  if (periods != 0) session->RecordTick(*static_cast<const ucontext_t*>(context), periods, clock);
}

void OnTick(int number, siginfo_t* info, void* context) {
  if (!IsTick(*info)) return PassToProgram(number, info, context);
  Tick(info, context);
}

// The program's own use of the signal is left alone. 0 or -EEXIST. Our handler stays for good: a late tick
// under the default action would end the program.
int TakeSignal() {
  itimerval own = {};
  RawSyscall(SYS_getitimer, ITIMER_PROF, reinterpret_cast<long>(&own));
  if (own.it_value.tv_sec != 0 || own.it_value.tv_usec != 0) return -EEXIST;
  return InstallFront(kTickSignal, FrontKind::kStays, OnTick);
}

size_t MostThreads() {
  constexpr uint64_t kMin = 256, kMax = 65535, kBytesPerThread = 4096;
  uint64_t wanted = GetOptions().metadata_limit / kBytesPerThread;
  return wanted < kMin ? kMin : wanted > kMax ? kMax : wanted;
}

void TellFallback() {
  if (g_clocks.kind() != ClockKind::kProcessTimer) return;
  g_fallbacks.fetch_add(1, std::memory_order_relaxed);
  if (g_told_fallback) return;
  g_told_fallback = true;
  Say("no CPU timer for each thread could be had (ulimit -i, seccomp): one timer for the process, "
      "ITIMER_PROF, stands "
      "in, which is less fair between threads");
}

// Runs at the end of each thread that libc knows, in every round of the keys' destructors: only the last one
// ends the clock, as other destructors use CPU time too.
void OnThreadEnd(void* value) {
  if (++t_end.rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
    pthread_setspecific(g_key, value);
    return;
  }
  GiveBackLastWalk();
  if (!Running()) return;
  SignalsBlocked blocked;
  InFlight in_flight;
  if (in_flight.session() == nullptr) return;
  ThreadClockSet::Rest rest = g_clocks.Remove(RawGetTid());
  if (rest.periods == 0) return;
  in_flight.session()->RecordEnd(t_end.function, static_cast<uint32_t>(rest.periods), rest.clock);
}

void End(Session* session) {
  g_clocks.Close();
  g_session = nullptr;
  g_profiled_pid.store(0, std::memory_order_relaxed);
  session->Free();
}

}  // namespace

int Start(int hz, bool only_timers) {
  if (hz < kMinCpuHz || hz > kMaxCpuHz) return -EINVAL;
  if (g_session != nullptr) return -EBUSY;
  if (ThreadCpuNanos(0) < 0) return -EPERM;
  int error = TakeSignal();
  if (error != 0) return error;
  Session* session = Session::Make(MostThreads());
  if (session == nullptr) return -ENOMEM;
  session->hz = hz;
  session->pid = RawGetPid();
  session->period = kNanosPerSecond / hz;
  error = g_clocks.Open(session->period, MostThreads(), ++g_sessions, only_timers);
  if (error != 0) {
    session->Free();
    return error;
  }
  session->start = RawRealtimeNanos();
  session->start_monotonic = RawMonotonicNanos();
  g_session = session;
  g_profiled_pid.store(session->pid, std::memory_order_relaxed);
  // Before the threads are looked for: one that begins meanwhile either sees the session or is found.
  g_active.Show(session);
  error = g_clocks.AddAll();
  if (error == 0) return 0;
  g_active.TakeAway();
  g_active.WaitForUsers();
  g_clocks.StopAll();
  End(session);
  return error;
}

bool Running() { return g_active.IsAny(); }

bool HasProfile() {
  int pid = g_profiled_pid.load(std::memory_order_relaxed);
  return pid != 0 && pid == RawGetPid() && !IsCopy();
}

bool UsesProcessTimer() { return Running() && g_clocks.kind() == ClockKind::kProcessTimer; }

void ProgramSetsProcessTimer() {
  // A child of vfork has a timer of its own, and the memory of its parent, which goes on to tick.
  const int profiled = g_profiled_pid.load(std::memory_order_relaxed);
  if (profiled == 0 || profiled == RawGetPid() || IsCopy()) g_clocks.DisownProcessTimer();
}

void Halt() {
  Session* session = g_session;
  if (session == nullptr || session->halted) return;
  session->halted = true;
  g_active.TakeAway();
  session->duration = RawMonotonicNanos() - session->start_monotonic;
  TellFallback();
  g_active.WaitForUsers();
  bool ticks_came = FrontIsInstalled(kTickSignal);
  g_clocks.StopAll();
  session->Finish();
  if (!ticks_came) session->signal_taken = true;
  if (g_clocks.kind() == ClockKind::kProcessTimer) {
    session->ChargeRestOfProcess(TakeProcessPeriods(session));
    return;
  }
  g_clocks.ForEachRest([session, ticks_came](const ThreadClockSet::Rest& rest) {
    if (ticks_came) {
      session->ChargeRest(rest.function, rest.periods, rest.clock);
    } else {
      session->unplaced += rest.periods;
    }
  });
  session->outside = g_clocks.OutsidePeriods();
}

int Stop(void (*use)(const CpuProfile&, void*), void* argument) {
  Session* session = g_session;
  if (session == nullptr || session->pid != RawGetPid()) return -ENOENT;
  Halt();
  uint64_t lost = session->lost() + session->unplaced;
  g_samples.fetch_add(session->samples(), std::memory_order_relaxed);
  g_lost.fetch_add(lost, std::memory_order_relaxed);
  use({&session->stacks(), g_clocks.kind(), session->hz, session->period, session->start, session->duration,
       session->samples(), lost, session->truncated(), session->in_bare_code(), session->outside,
       session->ended(), session->effective_samples(), session->signal_taken},
      argument);
  End(session);
  return 0;
}

void InitThreadEnds() { g_have_key = pthread_key_create(&g_key, OnThreadEnd) == 0; }

void ThreadBegins(void* (*function)(void*)) {
  t_end.function = reinterpret_cast<uintptr_t>(function);
  if (g_have_key) pthread_setspecific(g_key, &t_end);
  // A profile that begins after this finds the thread in the list of all.
  if (!Running()) return;
  SignalsBlocked blocked;
  InFlight in_flight;
  if (in_flight.session() != nullptr) g_clocks.AddNew(t_end.function);
}

void LetTicksIn() {
  uint64_t tick = uint64_t{1} << (kTickSignal - 1);
  RawSyscall(SYS_rt_sigprocmask, SIG_UNBLOCK, reinterpret_cast<long>(&tick), 0, sizeof(tick));
}

bool IsTick(const siginfo_t& info) {
  if (info.si_code == SI_TIMER) return IsTimerTick(info);
  // A signal of a descriptor; programs have none that sends this one.
  if (info.si_code >= POLL_IN && info.si_code <= POLL_HUP) return true;
  return info.si_code == SI_KERNEL && g_clocks.process_timer_is_ours();
}

void TakeBackPendingTicks() {
  if (!HasFront(kTickSignal)) return;
  // The thread lets nothing in until what is not ours stands in the queue again.
  SignalsBlocked blocked;
  const uint64_t tick = uint64_t{1} << (kTickSignal - 1);
  timespec no_time = {0, 0};
  constexpr int kMax = 2;  // of such a signal one is pending for the thread, and one for the process
  siginfo_t others[kMax];
  int count = 0;
  while (count < kMax && RawSyscall(SYS_rt_sigtimedwait, reinterpret_cast<long>(&tick),
                                    reinterpret_cast<long>(&others[count]), reinterpret_cast<long>(&no_time),
                                    sizeof(tick)) == kTickSignal) {
    if (!IsTick(others[count])) ++count;
  }
  for (int i = 0; i < count; ++i) {
    const long info = reinterpret_cast<long>(&others[i]);
    if (RawSyscall(SYS_rt_sigqueueinfo, RawGetPid(), kTickSignal, info) == 0) continue;
    // Another thread than the first may send as the kernel does to itself alone.
    RawSyscall(SYS_rt_tgsigqueueinfo, RawGetPid(), RawGetTid(), kTickSignal, info);
  }
}

bool HasLocationIn(uint64_t start, uint64_t limit) {
  InFlight in_flight;
  return in_flight.session() != nullptr && in_flight.session()->HasLocationIn(start, limit);
}

void MoveLocations(uint64_t start, uint64_t limit, uint64_t to) {
  InFlight in_flight;
  if (in_flight.session() != nullptr) in_flight.session()->MoveLocations(start, limit, to);
}

bool PauseForExec() {
  SignalsBlocked blocked;
  InFlight in_flight;
  // A child of vfork sees the session of its parent, whose clocks are none of its business.
  if (in_flight.session() == nullptr || in_flight.session()->pid != RawGetPid()) return false;
  g_clocks.PauseForExec();
  return true;
}

void ResumeAfterExec() {
  SignalsBlocked blocked;
  InFlight in_flight;
  if (in_flight.session() != nullptr) g_clocks.ResumeAfterExec();
}

bool PrepareFork() { return g_clocks.LockForFork(); }

void ParentAfterFork() { g_clocks.UnlockAfterForkInParent(); }

bool ChildAfterFork() {
  const bool had_one = g_active.ForgetAfterFork() != nullptr;
  g_profiled_pid.store(0, std::memory_order_relaxed);
  g_clocks.ForgetAfterFork();
  if (g_session != nullptr) {
    g_session->Free();
    g_session = nullptr;
  }
  return had_one;
}

CpuStats GetCpuStats() {
  return {g_samples.load(std::memory_order_relaxed), g_lost.load(std::memory_order_relaxed),
          g_fallbacks.load(std::memory_order_relaxed)};
}

}  // namespace heapprof::cpu
