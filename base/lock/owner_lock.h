// SPDX-License-Identifier: Apache-2.0
// A lock for long work (writing a file) that signal handlers too may want.
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

namespace heapprof {

class HP_LOCKABLE OwnerLock {
 public:
  bool TryLock() HP_TRY_ACQUIRES(true);
  void Lock() HP_ACQUIRES();
  // False: it was not free within `nanos`.
  bool LockWithin(int64_t nanos) HP_TRY_ACQUIRES(true);
  void Unlock() HP_RELEASES();
  // In a forked child: the holder, if there was one, is not in this process.
  void ResetAfterFork() { owner_.store(0, std::memory_order_relaxed); }

 private:
  void Wait();

  std::atomic<int> owner_{0};  // the holder's thread id; 0: free
};

}  // namespace heapprof

#endif  // HEAPPROF_BASE_LOCK_OWNER_LOCK_H_
