// SPDX-License-Identifier: Apache-2.0
// Who remembers walks: memory for the last walk of each thread that records often, and for the buckets that
// it used last.
//
// A thread takes it at its first sample, 20 KiB of the profiler's own memory, and gives it back when it ends.
// At most kThreads have it at a time; a thread that ends without telling keeps it, until a fork.
// Thread-safety: yes. Signal-safety: yes. Allocates: mmap only. Locks: none.
#ifndef HEAPPROF_SAMPLING_THREAD_LAST_WALKS_H_
#define HEAPPROF_SAMPLING_THREAD_LAST_WALKS_H_

#include <stdint.h>

#include <atomic>

#include "sampling/heap/recent_buckets.h"
#include "sampling/unwind/last_walk.h"

namespace heapprof {

class LastWalks {
 public:
  static constexpr uint32_t kThreads = 1024;

  // nullptr: there is none left, or no memory for it.
  LastWalk* Take();
  void GiveBack(LastWalk* walk);
  // In a child of fork: all others' threads are no more, and what they remembered may be half written. `own`
  // may be nullptr.
  void KeepOnly(const LastWalk* own);

  // Of who has `walk`, which is one of Take's.
  static RecentBuckets* BucketsBeside(LastWalk* walk) { return &reinterpret_cast<Memory*>(walk)->buckets; }

 private:
  struct Memory {
    LastWalk walk;  // first, see BucketsBeside
    RecentBuckets buckets;
  };
  static_assert(sizeof(Memory) <= 20480);

  struct Place {
    std::atomic<LastWalk*> walk{nullptr};  // stays once it is mapped
    std::atomic<bool> taken{false};
    bool torn = false;  // who takes it clears it
  };
  Place places_[kThreads] = {};
  std::atomic<uint32_t> next_{0};  // where to look first
};

// The calling thread's; nullptr: it has none. Between Decide and RecordAllocation only.
LastWalk* TakeLastWalk();
// The calling thread ends. It takes none any more.
void GiveBackLastWalk();
void KeepOwnLastWalk();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_THREAD_LAST_WALKS_H_
