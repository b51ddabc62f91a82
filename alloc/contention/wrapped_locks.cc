// SPDX-License-Identifier: Apache-2.0
// Mutexes and read-write locks. The functions that the program comes to leave by jumps, so that the caller's
// frame is found in those that they jump to, and that who gets a lock at once makes no frame (-O2).
#include "alloc/contention/waits.h"

namespace heapprof {

RealWaits g_real;

namespace {

// Waits for `lock` by wait(), and tells of it. kTimedOut: what the function says when the time is over.
template <int kTimedOut = ETIMEDOUT, typename Wait>
__attribute__((always_inline)) inline int WaitForLock(const void* lock, const CallerFrame& caller,
                                                      Wait wait) {
  const uint64_t begin = WaitClock();
  OwnWaits::Wait* const own = t_own_waits.EnterLock(&g_waiters, lock, begin, caller);
  const int result = wait();
  OwnWaits::Leave(&g_waiters, own, caller.sp);
  if (result == 0 || result == EOWNERDEAD || result == kTimedOut) {
    contention::RecordBlock(WaitClock() - begin, caller);
  }
  return result;
}

// Whether trying has said what locking would say. Any answer but EBUSY is one that locking gives, too; it is
// not asked for twice, since libc may give another then (a priority ceiling that was refused).
inline bool IsAnswer(int result) { return __builtin_expect(result != EBUSY, 1); }

__attribute__((noinline)) int MutexLockSlow(pthread_mutex_t* mutex) {
  return WaitForLock(mutex, HEAPPROF_CALLER_FRAME(), [=] { return g_real.mutex_lock(mutex); });
}

__attribute__((noinline)) int MutexTimedLockSlow(pthread_mutex_t* mutex, const timespec* time) {
  return WaitForLock(mutex, HEAPPROF_CALLER_FRAME(), [=] { return g_real.mutex_timedlock(mutex, time); });
}

__attribute__((noinline)) int MutexClockLockSlow(pthread_mutex_t* mutex, clockid_t clock,
                                                 const timespec* time) {
  return WaitForLock(mutex, HEAPPROF_CALLER_FRAME(),
                     [=] { return g_real.mutex_clocklock(mutex, clock, time); });
}

__attribute__((noinline)) int MutexUnlockSlow(pthread_mutex_t* mutex) {
  const uint64_t waited = TakeWaited(mutex);
  const int result = g_real.mutex_unlock(mutex);
  // The mutex may be gone by now.
  if (waited != 0 && result == 0) contention::RecordUnlock(waited, HEAPPROF_CALLER_FRAME());
  return result;
}

// Trying a robust one that cannot be recovered leaves it locked (glibc 2.36): those are only tried with a
// look at the lock's word.
inline bool MayTry(const pthread_mutex_t* mutex) { return (mutex->__data.__kind & kRobustMutex) == 0; }
inline bool LooksFree(const pthread_mutex_t* mutex) {
  return __atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED) == 0;
}

int MutexLock(pthread_mutex_t* mutex) {
  if (__builtin_expect(!MayTry(mutex), 0)) {
    return LooksFree(mutex) ? g_real.mutex_lock(mutex) : MutexLockSlow(mutex);
  }
  const int result = g_real.mutex_trylock(mutex);
  return IsAnswer(result) ? result : MutexLockSlow(mutex);
}

int MutexTimedLock(pthread_mutex_t* mutex, const timespec* time) {
  if (__builtin_expect(!MayTry(mutex), 0)) {
    return LooksFree(mutex) ? g_real.mutex_timedlock(mutex, time) : MutexTimedLockSlow(mutex, time);
  }
  const int result = g_real.mutex_trylock(mutex);
  return IsAnswer(result) ? result : MutexTimedLockSlow(mutex, time);
}

// A mutex that inherits priorities may refuse the clock before it looks whether it is free.
int MutexClockLock(pthread_mutex_t* mutex, clockid_t clock, const timespec* time) {
  const bool may_try =
      IsWaitableClock(clock) && MayTry(mutex) && (mutex->__data.__kind & kInheritsPriority) == 0;
  if (!may_try && LooksFree(mutex)) return g_real.mutex_clocklock(mutex, clock, time);
  const int result = may_try ? g_real.mutex_trylock(mutex) : EBUSY;
  return IsAnswer(result) ? result : MutexClockLockSlow(mutex, clock, time);
}

int MutexUnlock(pthread_mutex_t* mutex) {
  return MayHaveWaiters(mutex) ? MutexUnlockSlow(mutex) : g_real.mutex_unlock(mutex);
}

__attribute__((noinline)) int ReadLockSlow(pthread_rwlock_t* lock) {
  return WaitForLock(lock, HEAPPROF_CALLER_FRAME(), [=] { return g_real.rdlock(lock); });
}

__attribute__((noinline)) int TimedReadLockSlow(pthread_rwlock_t* lock, const timespec* time) {
  return WaitForLock(lock, HEAPPROF_CALLER_FRAME(), [=] { return g_real.timedrdlock(lock, time); });
}

__attribute__((noinline)) int ClockReadLockSlow(pthread_rwlock_t* lock, clockid_t clock,
                                                const timespec* time) {
  return WaitForLock(lock, HEAPPROF_CALLER_FRAME(), [=] { return g_real.clockrdlock(lock, clock, time); });
}

__attribute__((noinline)) int WriteLockSlow(pthread_rwlock_t* lock) {
  return WaitForLock(lock, HEAPPROF_CALLER_FRAME(), [=] { return g_real.wrlock(lock); });
}

__attribute__((noinline)) int TimedWriteLockSlow(pthread_rwlock_t* lock, const timespec* time) {
  return WaitForLock(lock, HEAPPROF_CALLER_FRAME(), [=] { return g_real.timedwrlock(lock, time); });
}

__attribute__((noinline)) int ClockWriteLockSlow(pthread_rwlock_t* lock, clockid_t clock,
                                                 const timespec* time) {
  return WaitForLock(lock, HEAPPROF_CALLER_FRAME(), [=] { return g_real.clockwrlock(lock, clock, time); });
}

__attribute__((noinline)) int ReadWriteUnlockSlow(pthread_rwlock_t* lock) {
  const uint64_t waited = TakeWaited(lock);
  const int result = g_real.rwlock_unlock(lock);
  if (waited != 0 && result == 0) contention::RecordUnlock(waited, HEAPPROF_CALLER_FRAME());
  return result;
}

int ReadLock(pthread_rwlock_t* lock) { return g_real.tryrdlock(lock) == 0 ? 0 : ReadLockSlow(lock); }

// libc looks at the time and the clock of these first, and at the lock then.
int TimedReadLock(pthread_rwlock_t* lock, const timespec* time) {
  return IsValidTime(time) && g_real.tryrdlock(lock) == 0 ? 0 : TimedReadLockSlow(lock, time);
}

int ClockReadLock(pthread_rwlock_t* lock, clockid_t clock, const timespec* time) {
  const bool may_try = IsWaitableClock(clock) && IsValidTime(time);
  return may_try && g_real.tryrdlock(lock) == 0 ? 0 : ClockReadLockSlow(lock, clock, time);
}

int WriteLock(pthread_rwlock_t* lock) { return g_real.trywrlock(lock) == 0 ? 0 : WriteLockSlow(lock); }

int TimedWriteLock(pthread_rwlock_t* lock, const timespec* time) {
  return IsValidTime(time) && g_real.trywrlock(lock) == 0 ? 0 : TimedWriteLockSlow(lock, time);
}

int ClockWriteLock(pthread_rwlock_t* lock, clockid_t clock, const timespec* time) {
  const bool may_try = IsWaitableClock(clock) && IsValidTime(time);
  return may_try && g_real.trywrlock(lock) == 0 ? 0 : ClockWriteLockSlow(lock, clock, time);
}

int ReadWriteUnlock(pthread_rwlock_t* lock) {
  return MayHaveWaiters(lock) ? ReadWriteUnlockSlow(lock) : g_real.rwlock_unlock(lock);
}

// C11's answers are numbers of their own.
__attribute__((noinline)) int MtxLockSlow(mtx_t* mutex) {
  return WaitForLock(mutex, HEAPPROF_CALLER_FRAME(), [=] { return g_real.mtx_lock(mutex); });
}

__attribute__((noinline)) int MtxTimedLockSlow(mtx_t* mutex, const timespec* time) {
  return WaitForLock<thrd_timedout>(mutex, HEAPPROF_CALLER_FRAME(),
                                    [=] { return g_real.mtx_timedlock(mutex, time); });
}

__attribute__((noinline)) int MtxUnlockSlow(mtx_t* mutex) {
  const uint64_t waited = TakeWaited(mutex);
  const int result = g_real.mtx_unlock(mutex);
  if (waited != 0 && result == thrd_success) contention::RecordUnlock(waited, HEAPPROF_CALLER_FRAME());
  return result;
}

int MtxLock(mtx_t* mutex) {
  return g_real.mtx_trylock(mutex) == thrd_success ? thrd_success : MtxLockSlow(mutex);
}

int MtxTimedLock(mtx_t* mutex, const timespec* time) {
  return g_real.mtx_trylock(mutex) == thrd_success ? thrd_success : MtxTimedLockSlow(mutex, time);
}

int MtxUnlock(mtx_t* mutex) {
  return MayHaveWaiters(mutex) ? MtxUnlockSlow(mutex) : g_real.mtx_unlock(mutex);
}

template <typename Function>
void** At(Function** real) {
  return reinterpret_cast<void**>(real);
}

}  // namespace

// What is tried with stands before what tries.
const Wrapped* WrappedLocks() {
  // Made when asked for, as the library's constructors ask for it in any order.
  static const Wrapped list[] = {
      {"pthread_mutex_trylock", nullptr, At(&g_real.mutex_trylock)},
      {"pthread_mutex_lock", AnyFunction(MutexLock), At(&g_real.mutex_lock)},
      {"pthread_mutex_timedlock", AnyFunction(MutexTimedLock), At(&g_real.mutex_timedlock)},
      {"pthread_mutex_clocklock", AnyFunction(MutexClockLock), At(&g_real.mutex_clocklock)},
      {"pthread_mutex_unlock", AnyFunction(MutexUnlock), At(&g_real.mutex_unlock)},
      {"pthread_rwlock_tryrdlock", nullptr, At(&g_real.tryrdlock)},
      {"pthread_rwlock_rdlock", AnyFunction(ReadLock), At(&g_real.rdlock)},
      {"pthread_rwlock_timedrdlock", AnyFunction(TimedReadLock), At(&g_real.timedrdlock)},
      {"pthread_rwlock_clockrdlock", AnyFunction(ClockReadLock), At(&g_real.clockrdlock)},
      {"pthread_rwlock_trywrlock", nullptr, At(&g_real.trywrlock)},
      {"pthread_rwlock_wrlock", AnyFunction(WriteLock), At(&g_real.wrlock)},
      {"pthread_rwlock_timedwrlock", AnyFunction(TimedWriteLock), At(&g_real.timedwrlock)},
      {"pthread_rwlock_clockwrlock", AnyFunction(ClockWriteLock), At(&g_real.clockwrlock)},
      {"pthread_rwlock_unlock", AnyFunction(ReadWriteUnlock), At(&g_real.rwlock_unlock)},
      {"mtx_trylock", nullptr, At(&g_real.mtx_trylock)},
      {"mtx_lock", AnyFunction(MtxLock), At(&g_real.mtx_lock)},
      {"mtx_timedlock", AnyFunction(MtxTimedLock), At(&g_real.mtx_timedlock)},
      {"mtx_unlock", AnyFunction(MtxUnlock), At(&g_real.mtx_unlock)},
      {nullptr, nullptr, nullptr}};
  return list;
}

}  // namespace heapprof
