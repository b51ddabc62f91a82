#include "base/lock/owner_lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/system/raw_syscall.h"

namespace heapprof {

bool OwnerLock::TryLock() {
  int free = 0;
  // acquire: what the last holder wrote is seen under the lock.
  return owner_.compare_exchange_strong(free, RawGetTid(), std::memory_order_acquire);
}

void OwnerLock::Lock() {
  while (!TryLock()) Wait();
}

bool OwnerLock::LockWithin(int64_t nanos) {
  int64_t until = RawMonotonicNanos() + nanos;
  while (!TryLock()) {
    if (RawMonotonicNanos() >= until) return false;
    Wait();
  }
  return true;
}

void OwnerLock::Wait() {
  int owner = owner_.load(std::memory_order_relaxed);
  if (owner == 0) return;
  // A time limit stands in for a wake-up after a fork in the holder's absence.
  timespec limit = {0, 100'000'000};
  RawSyscall(SYS_futex, reinterpret_cast<long>(&owner_), FUTEX_WAIT_PRIVATE, owner,
             reinterpret_cast<long>(&limit));
}

void OwnerLock::Unlock() {
  // release: what was written under the lock is seen by the next holder.
  owner_.store(0, std::memory_order_release);
  RawSyscall(SYS_futex, reinterpret_cast<long>(&owner_), FUTEX_WAKE_PRIVATE, 1);
}

}  // namespace heapprof
