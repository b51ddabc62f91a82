// SPDX-License-Identifier: Apache-2.0
#include "base/lock/owner_lock.h"

#include "base/lock/futex.h"
#include "base/system/raw_syscall.h"

namespace heapprof {

bool OwnerLockWord::TryAcquire() {
  int free = 0;
  // acquire: what the last holder wrote is seen under the lock.
  return owner_.compare_exchange_strong(free, RawGetTid(), std::memory_order_acquire);
}

void OwnerLockWord::Acquire() {
  while (!TryAcquire()) Wait();
}

bool OwnerLockWord::AcquireWithin(int64_t nanos) {
  int64_t until = RawMonotonicNanos() + nanos;
  while (!TryAcquire()) {
    if (RawMonotonicNanos() >= until) return false;
    Wait();
  }
  return true;
}

void OwnerLockWord::Wait() {
  int owner = owner_.load(std::memory_order_relaxed);
  if (owner == 0) return;
  // A time limit stands in for a wake-up after a fork in the holder's absence.
  FutexWait(&owner_, owner, 100'000'000);
}

void OwnerLockWord::Release() {
  // release: what was written under the lock is seen by the next holder.
  owner_.store(0, std::memory_order_release);
  FutexWakeOne(&owner_);
}

}  // namespace heapprof
