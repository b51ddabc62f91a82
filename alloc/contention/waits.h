// SPDX-License-Identifier: Apache-2.0
// The functions of libc in which threads wait for each other, and what stands in for them while the profiles
// "block" and "mutex" are on (alloc/slots/ puts it there).
//
// A wrapper does what its function does, with the same answer, errno and cancellation; it tells
// sampling/contention/contention.h of the time that it took. Locks are tried first, where trying means the
// same as locking: who gets one at once pays no clock. No frame of a wrapper is in any stack. Wrappers are
// never unloaded: a thread that is inside one when the profiles are switched off goes on.
//
// Thread-safety: yes. Signal-safety: as the functions themselves. Allocates: never from the heap.
#ifndef HEAPPROF_ALLOC_CONTENTION_WAITS_H_
#define HEAPPROF_ALLOC_CONTENTION_WAITS_H_

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <threads.h>
#include <time.h>

#include "alloc/slots/slots.h"
#include "base/system/coarse_clock.h"
#include "base/system/raw_syscall.h"
#include "sampling/contention/contention.h"
#include "sampling/contention/own_waits.h"
#include "sampling/contention/waiters.h"
#include "sampling/unwind/caller_frame.h"

namespace heapprof {

// What the program would call without us.
struct RealWaits {
  int (*mutex_lock)(pthread_mutex_t*);
  int (*mutex_trylock)(pthread_mutex_t*);
  int (*mutex_timedlock)(pthread_mutex_t*, const timespec*);
  int (*mutex_clocklock)(pthread_mutex_t*, clockid_t, const timespec*);
  int (*mutex_unlock)(pthread_mutex_t*);
  int (*rdlock)(pthread_rwlock_t*);
  int (*tryrdlock)(pthread_rwlock_t*);
  int (*timedrdlock)(pthread_rwlock_t*, const timespec*);
  int (*clockrdlock)(pthread_rwlock_t*, clockid_t, const timespec*);
  int (*wrlock)(pthread_rwlock_t*);
  int (*trywrlock)(pthread_rwlock_t*);
  int (*timedwrlock)(pthread_rwlock_t*, const timespec*);
  int (*clockwrlock)(pthread_rwlock_t*, clockid_t, const timespec*);
  int (*rwlock_unlock)(pthread_rwlock_t*);
  int (*mtx_lock)(mtx_t*);
  int (*mtx_trylock)(mtx_t*);
  int (*mtx_timedlock)(mtx_t*, const timespec*);
  int (*mtx_unlock)(mtx_t*);
  int (*cond_wait)(pthread_cond_t*, pthread_mutex_t*);
  int (*cond_timedwait)(pthread_cond_t*, pthread_mutex_t*, const timespec*);
  int (*cond_clockwait)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*);
  int (*cond_signal)(pthread_cond_t*);
  int (*cond_broadcast)(pthread_cond_t*);
  int (*cnd_wait)(cnd_t*, mtx_t*);
  int (*cnd_timedwait)(cnd_t*, mtx_t*, const timespec*);
  int (*cnd_signal)(cnd_t*);
  int (*cnd_broadcast)(cnd_t*);
  int (*sem_wait)(sem_t*);
  int (*sem_trywait)(sem_t*);
  int (*sem_timedwait)(sem_t*, const timespec*);
  int (*sem_clockwait)(sem_t*, clockid_t, const timespec*);
  int (*barrier_wait)(pthread_barrier_t*);
  int (*join)(pthread_t, void**);
  int (*timedjoin)(pthread_t, void**, const timespec*);
  int (*clockjoin)(pthread_t, void**, clockid_t, const timespec*);
  int (*thrd_join)(thrd_t, int*);
  long (*syscall)(long, long, long, long, long, long, long);
};
extern RealWaits g_real;

// Lists that end with an entry without a name, in wrapped_locks.cc and wrapped_waits.cc. Not for two at a
// time.
const Wrapped* WrappedLocks();
const Wrapped* WrappedWaits();

inline uint64_t WaitClock() { return static_cast<uint64_t>(FineMonotonicNanos()); }

// Of a function that may block for another reason than the time it is given.
inline bool IsValidTime(const timespec* time) { return time->tv_nsec >= 0 && time->tv_nsec < 1'000'000'000; }
inline bool IsWaitableClock(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC; }

// An unlock is charged if it wakes, that is if somebody sleeps: libc's lock says so by its own words, which
// the unlock reads anyway. While there are sleepers, threads that run may take and give back the lock a
// thousand times before one of them has its turn; to look at the clock each time was most of what the
// profiles cost (docs/decisions/0034-0049/0044-who-wakes-is-charged.md).

// The word of a mutex: 0 free, 1 locked, 2 and somebody may sleep; that of other kinds has its owner in it,
// and is above 1 whenever it is locked. Those who were woken from a condition have yet to come to it.
inline bool MayHaveWaiters(const pthread_mutex_t* mutex) {
  const auto word = static_cast<uint32_t>(__atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED));
  return word > 1 ? g_waiters.MayHaveWaiters(mutex) : g_waiters.MayHaveWoken(mutex);
}

// glibc's mutexes of C11 are its other ones.
inline bool MayHaveWaiters(const mtx_t* mutex) {
  return MayHaveWaiters(reinterpret_cast<const pthread_mutex_t*>(mutex));
}

// Both of its futexes have a bit that says that somebody sleeps on it.
inline bool MayHaveWaiters(const pthread_rwlock_t* lock) {
  constexpr unsigned kUsed = 2;
  const unsigned words = __atomic_load_n(&lock->__data.__wrphase_futex, __ATOMIC_RELAXED) |
                         __atomic_load_n(&lock->__data.__writers_futex, __ATOMIC_RELAXED);
  return (words & kUsed) != 0 && g_waiters.MayHaveWaiters(lock);
}

// In glibc's kind of a mutex.
constexpr int kMutexTypes = 3, kRobustMutex = 16, kInheritsPriority = 32;

// Whether an unlock gives it back: a recursive mutex was locked more often than that; and all kinds but the
// plain ones refuse who is not the owner. (Asked only if there are waiters.)
inline bool IsReleased(const pthread_mutex_t* mutex) {
  const int kind = mutex->__data.__kind, type = kind & kMutexTypes;
  if (type == PTHREAD_MUTEX_RECURSIVE_NP && mutex->__data.__count > 1) return false;
  const bool refuses = type == PTHREAD_MUTEX_RECURSIVE_NP || type == PTHREAD_MUTEX_ERRORCHECK_NP ||
                       (kind & (kRobustMutex | kInheritsPriority)) != 0;
  return !refuses || __atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED) == RawGetTid();
}
inline bool IsReleased(const mtx_t* mutex) {
  return IsReleased(reinterpret_cast<const pthread_mutex_t*>(mutex));
}
inline bool IsReleased(const pthread_rwlock_t*) { return true; }

// The lock is given back: what others have waited, for RecordUnlock once it is free.
template <typename Lock>
uint64_t TakeWaited(const Lock* lock) {
  return MayHaveWaiters(lock) && IsReleased(lock) ? g_waiters.TakeWaited(lock, WaitClock()) : 0;
}

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_CONTENTION_WAITS_H_
