// SPDX-License-Identifier: Apache-2.0
// A futex lock with a rank (lock_rank.h). For leaves of bounded hold time: nothing foreign is called under
// one.
//
// A lock knows its holder: when a signal handler forks, locks that the interrupted code holds are left to
// that code. The rank is part of the type, so that zeroed storage is a free lock: tables with a lock in them
// take no room in the library's file. Thread-safety: yes. Signal-safety: no for Lock (the interrupted code
// may hold it), yes for TryLock, LockWithin and LockForFork. Allocates: never.
#ifndef HEAPPROF_BASE_LOCK_SPINLOCK_H_
#define HEAPPROF_BASE_LOCK_SPINLOCK_H_

#include <stdint.h>

#include <atomic>

#include "base/lock/annotations.h"
#include "base/lock/lock_rank.h"

namespace heapprof {

// libc's __libc_single_threaded; where libc has none (glibc before 2.32), a 0 (alloc/libc/calls_found.cc).
extern char* g_only_thread __attribute__((visibility("hidden")));

// Whether libc knows of one thread only. libc counts all threads that it makes (thrd_create, SIGEV_THREAD and
// so on), but none made by a bare clone(). Who sees true is alone: nothing races with it but its own signal
// handlers.
inline bool IsOnlyThread() { return *g_only_thread != 0; }

// Of a thread that libc does not know of: from now on nobody is alone, here and in libc (fork).
inline std::atomic<bool> g_has_unknown_thread{false};
inline void NoteUnknownThread() {
  *g_only_thread = 0;
  g_has_unknown_thread.store(true, std::memory_order_relaxed);
}

// Adds one; without a locked instruction if there is only one thread. Not for counters that a signal handler
// counts up too.
inline void CountUp(std::atomic<uint64_t>* counter) {
  if (IsOnlyThread()) {
    counter->store(counter->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  } else {
    counter->fetch_add(1, std::memory_order_relaxed);
  }
}

// A thread's mark in the locks that it holds; 0 before its first one.
extern __thread uint32_t t_lock_mark __attribute__((tls_model("initial-exec")));

// The lock's word, whatever its rank.
class SpinLockWord {
 public:
  SpinLockWord(const SpinLockWord&) = delete;
  SpinLockWord& operator=(const SpinLockWord&) = delete;

 protected:
  constexpr SpinLockWord() = default;

  void Acquire() {
    uint32_t mark = OwnMark();
    if (!TryAcquire(mark)) AcquireSlow(mark, nullptr);
  }
  bool TryAcquire() { return TryAcquire(OwnMark()); }
  void Release() {
    // release: what was written under the lock is seen by the next holder.
    if ((state_.exchange(kUnlocked, std::memory_order_release) & kContended) != 0) Wake();
  }
  bool IsFree() const { return state_.load(std::memory_order_relaxed) == kUnlocked; }
  // For a thread that is alone.
  void AcquireAlone() { state_.store(OwnMark(), std::memory_order_relaxed); }
  void ReleaseAlone() { state_.store(kUnlocked, std::memory_order_relaxed); }

  bool IsOwn() const { return (state_.load(std::memory_order_relaxed) & kMarks) == OwnMark(); }
  // False: not within kForkPatience.
  bool AcquireForFork();
  bool AcquireWithin(int64_t nanos) {
    const uint32_t mark = OwnMark();
    return TryAcquire(mark) || AcquireSlow(mark, &nanos);
  }
  // True: it was AcquireForFork's.
  bool ReleaseAfterFork(bool in_child);

 private:
  // The holder's mark, and bits: somebody waits; AcquireForFork took it.
  static constexpr uint32_t kUnlocked = 0, kContended = 1, kForFork = 2, kMarks = ~uint32_t{3};
  static uint32_t NewMark();
  static uint32_t OwnMark() { return __builtin_expect(t_lock_mark != 0, 1) ? t_lock_mark : NewMark(); }
  bool TryAcquire(uint32_t as) {
    uint32_t expected = kUnlocked;
    // acquire: what the last holder wrote is seen under the lock.
    return state_.compare_exchange_strong(expected, as, std::memory_order_acquire, std::memory_order_relaxed);
  }
  // `patience`: nanoseconds, or nullptr for ever. False: it is over.
  bool AcquireSlow(uint32_t as, const int64_t* patience);
  void Wake();

  std::atomic<uint32_t> state_{kUnlocked};
};

template <LockRank kRank>
class HP_LOCKABLE SpinLock : private SpinLockWord {
 public:
  constexpr SpinLock() = default;

  void Lock() HP_ACQUIRES() HP_NOT_ANALYSED {
    CheckRankBeforeLock(kRank);
    Acquire();
    NoteHeld(kRank, true);
  }
  bool TryLock() HP_TRY_ACQUIRES(true) HP_NOT_ANALYSED {
    if (!TryAcquire()) return false;
    NoteHeld(kRank, true);
    return true;
  }
  // False: this thread holds it already (a handler has interrupted the holder), or it was not free within
  // `nanos`, as its holder is stopped. So nobody waits for ever, and any order of locks will do.
  bool LockWithin(int64_t nanos) HP_TRY_ACQUIRES(true) HP_NOT_ANALYSED {
    if (IsOwn() || !AcquireWithin(nanos)) return false;
    NoteHeld(kRank, true);
    return true;
  }
  void Unlock() HP_RELEASES() HP_NOT_ANALYSED {
    NoteHeld(kRank, false);
    Release();
  }
  // Whether this thread holds it: the code that a handler has interrupted.
  using SpinLockWord::IsFree;
  using SpinLockWord::IsOwn;
  // Before a fork, with signals blocked. If this thread holds the lock already (a handler forks, and has
  // interrupted the holder), nothing changes, here and in the child. False: another thread has held the lock
  // for kForkPatience.
  bool LockForFork() HP_NOT_ANALYSED {
    if (IsOwn()) return true;
    if (!AcquireForFork()) return false;
    NoteHeld(kRank, true);
    return true;
  }
  // After a fork, in parent and child, and in a copy of the process that was made without fork's handlers.
  // Releases what LockForFork has taken. In the child, releases what another thread held: that thread does
  // not exist there. A lock that the interrupted code holds stays held.
  void UnlockAfterFork(bool in_child) HP_NOT_ANALYSED {
    if (ReleaseAfterFork(in_child)) NoteHeld(kRank, false);
  }
  // Lock and Unlock for data that only libc's threads use. With one thread, each is a plain store. Unlock
  // asks again how many there are, because the second thread may have come in between.
  void LockIfThreaded() HP_ACQUIRES() HP_NOT_ANALYSED {
    if (!IsOnlyThread() || !IsFree()) return Lock();
    CheckRankBeforeLock(kRank);
    AcquireAlone();
    NoteHeld(kRank, true);
  }
  void UnlockIfThreaded() HP_RELEASES() HP_NOT_ANALYSED {
    if (!IsOnlyThread()) return Unlock();
    NoteHeld(kRank, false);
    ReleaseAlone();
  }
};

// `hook` is called now and then by each thread that waits for a lock, always from the same place in the code;
// nullptr: no hook. The code that stops threads sets it.
void SetLockWaitHook(void (*hook)());

template <LockRank kRank>
class HP_SCOPED_LOCKABLE SpinLockHolder {
 public:
  explicit SpinLockHolder(SpinLock<kRank>* lock) HP_ACQUIRES(*lock) : lock_(lock) { lock_->Lock(); }
  ~SpinLockHolder() HP_RELEASES() { lock_->Unlock(); }
  SpinLockHolder(const SpinLockHolder&) = delete;
  SpinLockHolder& operator=(const SpinLockHolder&) = delete;

 private:
  SpinLock<kRank>* lock_;
};

// By LockIfThreaded.
template <LockRank kRank>
class HP_SCOPED_LOCKABLE SpinLockHolderIfThreaded {
 public:
  explicit SpinLockHolderIfThreaded(SpinLock<kRank>* lock) HP_ACQUIRES(*lock) : lock_(lock) {
    lock_->LockIfThreaded();
  }
  ~SpinLockHolderIfThreaded() HP_RELEASES() { lock_->UnlockIfThreaded(); }
  SpinLockHolderIfThreaded(const SpinLockHolderIfThreaded&) = delete;
  SpinLockHolderIfThreaded& operator=(const SpinLockHolderIfThreaded&) = delete;

 private:
  SpinLock<kRank>* lock_;
};

}  // namespace heapprof

#endif  // HEAPPROF_BASE_LOCK_SPINLOCK_H_
