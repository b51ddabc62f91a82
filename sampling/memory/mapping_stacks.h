// SPDX-License-Identifier: Apache-2.0
// Which stack mapped what: told of each call that maps or unmaps memory, while the option mapping_stacks is
// on.
//
// What the kernel has mapped is asked of the kernel when a profile is written; here is only who asked for it.
// A call that is not seen (one before the start, libc's own, a bare system call) makes no sum wrong: its
// memory has no stack, or the stack of what was there before.
// Thread-safety: yes. A range is forgotten before it is unmapped, and noted once it is mapped, so that no
// other thread's range is forgotten.
// Signal-safety: yes: the lock is waited for shortly, and a call that does not get it, as its holder is
// stopped or was interrupted by this handler, is not noted (lost()).
// Allocates: mmap only, within metadata_limit. Lock: kMappings. Zeroed memory is an object that is off.
#ifndef HEAPPROF_SAMPLING_MEMORY_MAPPING_STACKS_H_
#define HEAPPROF_SAMPLING_MEMORY_MAPPING_STACKS_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/lock/spinlock.h"
#include "sampling/counts/stack_counts.h"
#include "sampling/memory/mapped_ranges.h"
#include "sampling/unwind/caller_frame.h"

namespace heapprof {

class MappingStacks {
 public:
  bool IsOn() const { return on_.load(std::memory_order_relaxed); }
  // From now on. False: no memory.
  bool Start();

  // Sizes are rounded up to pages.
  void Map(uintptr_t start, size_t size, const CallerFrame& caller, bool alone = false);
  // About to be unmapped. The stack that had mapped all of it; 0: none, or several.
  uint32_t Unmap(uintptr_t start, size_t size);
  // It was not unmapped after all.
  void Restore(uintptr_t start, size_t size, uint32_t stack);
  // The same of a range that was noted `alone` and begins here.
  void UnmapAlone(uintptr_t start);

  size_t range_count() const { return ranges_.count(); }
  // Copies up to `capacity` ranges, in ascending order; returns how many. -EAGAIN: they are being changed, by
  // somebody who does not go on.
  ptrdiff_t Read(MappedRange* out, size_t capacity) HP_NOT_ANALYSED;
  // Of ranges that Read has told of. There are none before Start.
  const StackCounts& stacks() const { return stacks_; }
  // Calls that could not be noted.
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

  // Of modules that dlclose unmaps; see sampling/module_watch.h.
  bool HasStacks() const { return stacks_.count() > StackCounts::kOverflow; }
  bool HasLocationIn(uint64_t start, uint64_t limit) const;
  void MoveLocations(uint64_t start, uint64_t limit, uint64_t to);

  bool LockForFork() { return lock_.LockForFork(); }
  void UnlockAfterFork(bool in_child) { lock_.UnlockAfterFork(in_child); }

 private:
  bool Lock() HP_TRY_ACQUIRES(true, lock_);
  void Put(const MappedRange& range) HP_REQUIRES(lock_);

  SpinLock<LockRank::kMappings> lock_;
  std::atomic<bool> on_{false};
  std::atomic<bool> holder_stopped_{false};  // somebody waited in vain
  std::atomic<uint64_t> lost_{0};
  StackCounts stacks_;   // written under the lock
  MappedRanges ranges_;  // guarded by it, but see Read
};

// Of this process.
MappingStacks& ProcessMappings();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MEMORY_MAPPING_STACKS_H_
