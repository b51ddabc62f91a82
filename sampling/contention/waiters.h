// SPDX-License-Identifier: Apache-2.0
// Who waits for which lock, so that who unlocks it can be charged.
//
//   address of a lock -> how many wait for it, and the sum of the times since when
//
// A thread enters before it waits and leaves afterwards. Whoever is about to wake somebody by an unlock asks
// MayHaveWaiters, one load, and if somebody may be there takes what all of them have waited since they
// entered or since it was taken last. Each nanosecond of waiting is so charged to one unlock at most. What a
// waiter waits after the last unlock, until it runs again, is charged to nobody.
//
// Who waits for a condition waits for its mutex only once it was woken. EnterCondition notes it beside the
// mutex; Wake counts it among those who wait for the mutex from then on. Which thread it is that was woken is
// not known: the woken ones of a condition share the mean of their times. Until they run they do not sleep
// where they could be woken by an unlock; so MayHaveWoken tells of them.
//
// Thread-safety: yes. Signal-safety: yes: what a handler does that has interrupted this thread in here is
// left out. Allocates: never. Locks: kWaiters, for a few instructions. Zeros are an empty table. Invariants:
// an entry with no waiters and no credits is free.
#ifndef HEAPPROF_SAMPLING_CONTENTION_WAITERS_H_
#define HEAPPROF_SAMPLING_CONTENTION_WAITERS_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/hash.h"
#include "base/lock/spinlock.h"

namespace heapprof {

class Waiters {
 public:
  static constexpr size_t kShards = 1024, kEntries = 6;

  // False: nobody waits for it. True: somebody may.
  bool MayHaveWaiters(const void* address) const {
    // relaxed: who has just come has waited for next to nothing.
    return shards_[IndexOf(address)].used.load(std::memory_order_relaxed) != 0;
  }
  // The same of those who were woken from a condition.
  bool MayHaveWoken(const void* lock) const { return WokenOf(lock).load(std::memory_order_relaxed) != 0; }
  // `now`: monotonic nanoseconds, not 0. Returns what Leave is to be given: since when it waits, or 0 if
  // there was no room.
  uint64_t Enter(const void* lock, uint64_t now);
  void Leave(const void* lock, uint64_t since);
  // What the waiters have waited that was not taken yet, in nanoseconds.
  uint64_t TakeWaited(const void* lock, uint64_t now);

  // False: there was no room, and there is nothing to leave.
  bool EnterCondition(const void* condition, const void* lock);
  void LeaveCondition(const void* condition, const void* lock);
  // One, or all, of those who wait for the condition are about to be woken.
  void Wake(const void* condition, uint64_t now, bool all);

  // In a child of fork, where the others do not exist.
  void ForgetAllInChild();

 private:
  // kLock: who waits for the lock at `address`. kCondition: who waits for the condition at `address` with
  // `lock`; in the lock's shard. kLockOf: how many of them there are; in the condition's shard. A condition
  // has several of these while those who were woken with one mutex have not left, and others wait with
  // another.
  enum class Kind : uint32_t { kFree, kLock, kCondition, kLockOf };
  struct Entry {
    const void* address;
    const void* lock;  // of kCondition and kLockOf; nullptr
    Kind kind;
    uint32_t count;
    uint32_t woken;      // of kCondition: among them, those that are in the lock's entry too
    uint64_t since_sum;  // of kLock: of all; of kCondition: of the woken ones. Modulo 2^64.
    uint64_t taken;      // of kLock: when TakeWaited took last
  };
  struct alignas(64) Shard {
    std::atomic<uint32_t> used{0};  // entries
    SpinLock<LockRank::kWaiters> lock;
    Entry entries[kEntries] = {};

    Entry* Find(Kind kind, const void* address, const void* with = nullptr) HP_REQUIRES(lock);
    Entry* FindOrAdd(Kind kind, const void* address, const void* with = nullptr) HP_REQUIRES(lock);
    void Drop(Entry* entry) HP_REQUIRES(lock);  // one less
  };
  class Hold;

  static size_t IndexOf(const void* address) {
    // Locks are often members of objects in arrays: multiplied, the upper bits know of all lower ones.
    return reinterpret_cast<uintptr_t>(address) * kGoldenRatio >> 54;
  }
  static_assert(kShards == size_t{1} << 10, "IndexOf gives 10 bits");
  Shard* Of(const void* address) { return &shards_[IndexOf(address)]; }
  bool EnterLockOf(const void* condition, const void* lock);
  void LeaveLockOf(const void* condition, const void* lock);
  bool WakeWith(const void* condition, const void* lock, uint64_t now, bool all);

  // Each unlock asks for it: an offset by a mask.
  const std::atomic<uint64_t>& WokenOf(const void* lock) const {
    constexpr uintptr_t kOffsets = (kShards - 1) * sizeof(woken_[0]);
    return *reinterpret_cast<const std::atomic<uint64_t>*>(reinterpret_cast<const char*>(woken_) +
                                                           (reinterpret_cast<uintptr_t>(lock) & kOffsets));
  }
  void AddWoken(const void* lock, uint64_t count) {
    const_cast<std::atomic<uint64_t>&>(WokenOf(lock)).fetch_add(count, std::memory_order_relaxed);
  }

  // How many were woken from conditions, by their mutex. Not in the shards, so that who looks at each unlock
  // does not look at lines that waiters write.
  std::atomic<uint64_t> woken_[kShards] = {};
  Shard shards_[kShards] = {};
};

// Those of this process. Unlocking asks it each time, so it is no function's answer.
extern Waiters g_waiters;

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_CONTENTION_WAITERS_H_
