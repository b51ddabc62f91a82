// SPDX-License-Identifier: Apache-2.0
// Conditions, semaphores, barriers, the ends of threads, and futexes by libc's syscall(). As
// wrapped_locks.cc.
#include <linux/futex.h>
#include <sys/syscall.h>

#include "alloc/contention/waits.h"

namespace heapprof {
namespace {

// Whether a call has waited, by its answer: a time that is over, or EINTR, was waited for, too; who asks for
// what cannot be is refused at once.
bool HasWaited(int result) { return result == 0 || result == ETIMEDOUT || result == EOWNERDEAD; }
bool HasWaitedInC11(int result) { return result == thrd_success || result == thrd_timedout; }
bool HasWaitedByErrno(long result) { return result != -1 || errno == ETIMEDOUT || errno == EINTR; }
bool HasWaitedAtBarrier(int result) { return result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD; }

// Waits by wait(), and tells of it. A thread that is cancelled in there never comes back, and tells of
// nothing.
template <typename Wait, typename Result>
__attribute__((always_inline)) inline auto TimedWait(const CallerFrame& caller, bool (*has_waited)(Result),
                                                     Wait wait) {
  const uint64_t begin = WaitClock();
  const auto result = wait();
  if (has_waited(result)) contention::RecordBlock(WaitClock() - begin, caller);
  return result;
}

struct OwnWait {
  OwnWaits::Wait* wait;
  uintptr_t sp;
};

void LeaveCondition(void* argument) {
  const auto* own = static_cast<OwnWait*>(argument);
  OwnWaits::Leave(&g_waiters, own->wait, own->sp);
}

// Waiting for a condition unlocks its mutex. A thread that is cancelled leaves, too.
template <typename Lock, typename Wait>
__attribute__((noinline)) int WaitForCondition(const void* condition, const Lock* lock,
                                               const CallerFrame& caller, bool (*has_waited)(int),
                                               Wait wait) {
  if (const uint64_t waited = TakeWaited(lock)) contention::RecordUnlock(waited, caller);
  OwnWait own = {t_own_waits.EnterCondition(&g_waiters, condition, lock, caller), caller.sp};
  if (own.wait == nullptr) return TimedWait(caller, has_waited, wait);
  int result;
  pthread_cleanup_push(LeaveCondition, &own);
  result = TimedWait(caller, has_waited, wait);
  pthread_cleanup_pop(1);
  return result;
}

int CondWait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  return WaitForCondition(condition, mutex, HEAPPROF_CALLER_FRAME(), HasWaited,
                          [=] { return g_real.cond_wait(condition, mutex); });
}

// Those that are refused do not unlock the mutex.
int CondTimedWait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* time) {
  if (!IsValidTime(time)) return g_real.cond_timedwait(condition, mutex, time);
  return WaitForCondition(condition, mutex, HEAPPROF_CALLER_FRAME(), HasWaited,
                          [=] { return g_real.cond_timedwait(condition, mutex, time); });
}

int CondClockWait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* time) {
  if (!IsWaitableClock(clock) || !IsValidTime(time)) {
    return g_real.cond_clockwait(condition, mutex, clock, time);
  }
  return WaitForCondition(condition, mutex, HEAPPROF_CALLER_FRAME(), HasWaited,
                          [=] { return g_real.cond_clockwait(condition, mutex, clock, time); });
}

int CndWait(cnd_t* condition, mtx_t* mutex) {
  return WaitForCondition(condition, mutex, HEAPPROF_CALLER_FRAME(), HasWaitedInC11,
                          [=] { return g_real.cnd_wait(condition, mutex); });
}

int CndTimedWait(cnd_t* condition, mtx_t* mutex, const timespec* time) {
  if (!IsValidTime(time)) return g_real.cnd_timedwait(condition, mutex, time);
  return WaitForCondition(condition, mutex, HEAPPROF_CALLER_FRAME(), HasWaitedInC11,
                          [=] { return g_real.cnd_timedwait(condition, mutex, time); });
}

// Those who are woken wait for the mutex from now on.
inline void NoteWake(const void* condition, bool all) {
  if (g_waiters.MayHaveWaiters(condition)) g_waiters.Wake(condition, WaitClock(), all);
}

int CondSignal(pthread_cond_t* condition) {
  NoteWake(condition, false);
  return g_real.cond_signal(condition);
}

int CondBroadcast(pthread_cond_t* condition) {
  NoteWake(condition, true);
  return g_real.cond_broadcast(condition);
}

int CndSignal(cnd_t* condition) {
  NoteWake(condition, false);
  return g_real.cnd_signal(condition);
}

int CndBroadcast(cnd_t* condition) {
  NoteWake(condition, true);
  return g_real.cnd_broadcast(condition);
}

// Tries the semaphore. All three functions are cancellation points whether they wait or not; errno stays.
inline bool TrySemaphore(sem_t* semaphore) {
  pthread_testcancel();
  const int saved = errno;
  if (g_real.sem_trywait(semaphore) == 0) return true;
  errno = saved;
  return false;
}

__attribute__((noinline)) int SemWaitSlow(sem_t* semaphore) {
  return TimedWait(HEAPPROF_CALLER_FRAME(), HasWaitedByErrno, [=] { return g_real.sem_wait(semaphore); });
}

__attribute__((noinline)) int SemTimedWaitSlow(sem_t* semaphore, const timespec* time) {
  return TimedWait(HEAPPROF_CALLER_FRAME(), HasWaitedByErrno,
                   [=] { return g_real.sem_timedwait(semaphore, time); });
}

__attribute__((noinline)) int SemClockWaitSlow(sem_t* semaphore, clockid_t clock, const timespec* time) {
  return TimedWait(HEAPPROF_CALLER_FRAME(), HasWaitedByErrno,
                   [=] { return g_real.sem_clockwait(semaphore, clock, time); });
}

int SemWait(sem_t* semaphore) { return TrySemaphore(semaphore) ? 0 : SemWaitSlow(semaphore); }

int SemTimedWait(sem_t* semaphore, const timespec* time) {
  if (!IsValidTime(time)) return g_real.sem_timedwait(semaphore, time);
  return TrySemaphore(semaphore) ? 0 : SemTimedWaitSlow(semaphore, time);
}

int SemClockWait(sem_t* semaphore, clockid_t clock, const timespec* time) {
  if (!IsWaitableClock(clock) || !IsValidTime(time)) return g_real.sem_clockwait(semaphore, clock, time);
  return TrySemaphore(semaphore) ? 0 : SemClockWaitSlow(semaphore, clock, time);
}

int BarrierWait(pthread_barrier_t* barrier) {
  return TimedWait(HEAPPROF_CALLER_FRAME(), HasWaitedAtBarrier, [=] { return g_real.barrier_wait(barrier); });
}

int Join(pthread_t thread, void** value) {
  return TimedWait(HEAPPROF_CALLER_FRAME(), HasWaited, [=] { return g_real.join(thread, value); });
}

int TimedJoin(pthread_t thread, void** value, const timespec* time) {
  return TimedWait(HEAPPROF_CALLER_FRAME(), HasWaited, [=] { return g_real.timedjoin(thread, value, time); });
}

int ClockJoin(pthread_t thread, void** value, clockid_t clock, const timespec* time) {
  return TimedWait(HEAPPROF_CALLER_FRAME(), HasWaited,
                   [=] { return g_real.clockjoin(thread, value, clock, time); });
}

int ThrdJoin(thrd_t thread, int* value) {
  return TimedWait(HEAPPROF_CALLER_FRAME(), HasWaitedInC11, [=] { return g_real.thrd_join(thread, value); });
}

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

bool IsFutexWait(long number, long operation) {
  if (number == SYS_futex_waitv) return true;
  if (number != SYS_futex) return false;
  constexpr long kLockPi2 = 13;
  switch (operation & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_WAIT_REQUEUE_PI:
    case FUTEX_LOCK_PI:
    case kLockPi2:
      return true;
    default:
      return false;
  }
}

__attribute__((noinline)) long FutexWait(long number, long a, long b, long c, long d, long e, long f) {
  return TimedWait(HEAPPROF_CALLER_FRAME(), HasWaitedByErrno,
                   [=] { return g_real.syscall(number, a, b, c, d, e, f); });
}

// Has the arguments where syscall() has them, the last one on the stack. A jump for all but waits: calls that
// come back twice (vfork) must not come back to a frame of ours.
long Syscall(long number, long a, long b, long c, long d, long e, long f) {
  if (IsFutexWait(number, b)) return FutexWait(number, a, b, c, d, e, f);
  return g_real.syscall(number, a, b, c, d, e, f);
}

template <typename Function>
void** At(Function** real) {
  return reinterpret_cast<void**>(real);
}

}  // namespace

const Wrapped* WrappedWaits() {
  // Made when asked for, as the library's constructors ask for it in any order.
  static const Wrapped list[] = {
      {"pthread_cond_wait", AnyFunction(CondWait), At(&g_real.cond_wait)},
      {"pthread_cond_timedwait", AnyFunction(CondTimedWait), At(&g_real.cond_timedwait)},
      {"pthread_cond_clockwait", AnyFunction(CondClockWait), At(&g_real.cond_clockwait)},
      {"pthread_cond_signal", AnyFunction(CondSignal), At(&g_real.cond_signal)},
      {"pthread_cond_broadcast", AnyFunction(CondBroadcast), At(&g_real.cond_broadcast)},
      {"cnd_wait", AnyFunction(CndWait), At(&g_real.cnd_wait)},
      {"cnd_timedwait", AnyFunction(CndTimedWait), At(&g_real.cnd_timedwait)},
      {"cnd_signal", AnyFunction(CndSignal), At(&g_real.cnd_signal)},
      {"cnd_broadcast", AnyFunction(CndBroadcast), At(&g_real.cnd_broadcast)},
      {"sem_trywait", nullptr, At(&g_real.sem_trywait)},
      {"sem_wait", AnyFunction(SemWait), At(&g_real.sem_wait)},
      {"sem_timedwait", AnyFunction(SemTimedWait), At(&g_real.sem_timedwait)},
      {"sem_clockwait", AnyFunction(SemClockWait), At(&g_real.sem_clockwait)},
      {"pthread_barrier_wait", AnyFunction(BarrierWait), At(&g_real.barrier_wait)},
      {"pthread_join", AnyFunction(Join), At(&g_real.join)},
      {"pthread_timedjoin_np", AnyFunction(TimedJoin), At(&g_real.timedjoin)},
      {"pthread_clockjoin_np", AnyFunction(ClockJoin), At(&g_real.clockjoin)},
      {"thrd_join", AnyFunction(ThrdJoin), At(&g_real.thrd_join)},
      {"syscall", AnyFunction(Syscall), At(&g_real.syscall)},
      {nullptr, nullptr, nullptr}};
  return list;
}

}  // namespace heapprof
