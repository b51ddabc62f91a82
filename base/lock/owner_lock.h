// SPDX-License-Identifier: Apache-2.0
// A lock with a rank (lock_rank.h) for long work (writing a file) that signal handlers too may want.
//
// Whoever takes it has all signals blocked (SignalsBlocked), so that no handler ever interrupts its holder: a
// handler may wait for it, as the holder is another thread, which goes on.
// Thread-safety: yes. Signal-safety: yes, by the rule above. Allocates: never. Zero-initialised storage is a
// free lock.
#ifndef HEAPPROF_BASE_LOCK_OWNER_LOCK_H_
#define HEAPPROF_BASE_LOCK_OWNER_LOCK_H_

#include <stdint.h>

#include <atomic>

#include "base/lock/annotations.h"
#include "base/lock/lock_rank.h"

namespace heapprof {

// The lock's word, whatever its rank.
class OwnerLockWord {
 public:
  OwnerLockWord(const OwnerLockWord&) = delete;
  OwnerLockWord& operator=(const OwnerLockWord&) = delete;

 protected:
  constexpr OwnerLockWord() = default;

  bool TryAcquire();
  void Acquire();
  // False: it was not free within `nanos`.
  bool AcquireWithin(int64_t nanos);
  void Release();
  void Reset() { owner_.store(0, std::memory_order_relaxed); }

 private:
  void Wait();

  std::atomic<int> owner_{0};  // the holder's thread id; 0: free
};

template <LockRank kRank>
class HP_LOCKABLE OwnerLock : private OwnerLockWord {
 public:
  constexpr OwnerLock() = default;

  bool TryLock() HP_TRY_ACQUIRES(true) HP_NOT_ANALYSED {
    if (!TryAcquire()) return false;
    NoteHeld(kRank, true);
    return true;
  }
  void Lock() HP_ACQUIRES() HP_NOT_ANALYSED {
    CheckRankBeforeLock(kRank);
    Acquire();
    NoteHeld(kRank, true);
  }
  void Unlock() HP_RELEASES() HP_NOT_ANALYSED {
    NoteHeld(kRank, false);
    Release();
  }
  // Before a fork. False: another thread has held it for kForkPatience.
  bool LockForFork() HP_TRY_ACQUIRES(true) HP_NOT_ANALYSED {
    if (!AcquireWithin(kForkPatience)) return false;
    NoteHeld(kRank, true);
    return true;
  }
  // In a forked child: the holder, if there was one, is not in this process, or has forked.
  void ResetAfterFork() {
    NoteHeld(kRank, false);
    Reset();
  }
};

}  // namespace heapprof

#endif  // HEAPPROF_BASE_LOCK_OWNER_LOCK_H_
