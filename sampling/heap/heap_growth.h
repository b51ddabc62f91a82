// SPDX-License-Identifier: Apache-2.0
// What each bucket had in use a while ago, for growth over the last minute, ten minutes, hour and day.
//
// Time goes in ticks of 30 s. A level looks back over two periods at least, and three at most: of its
// boundaries, the multiples of its period, it is the last but one before now that counts,
//
//     level   period   looks back
//     1m      30 s     60 to 90 s
//     10m     5 min    10 to 15 min
//     1h      30 min   1 to 1.5 h
//     1d      12 h     24 to 36 h
//
// A bucket that changes for the first time in a tick notes for each boundary since its last note what it had,
// which is what it has still (Roll). Of buckets that never did so nothing is kept: they have not changed
// since the tick in which they were made; and those made after a boundary, known by how many there were, had
// nothing then. No thread, no scan; 132 bytes a bucket that changes in two ticks, within metadata_limit.
//
// The time is looked at when blocks are sampled, at interval 1 at each 64th of a thread only: that many may
// count as before a boundary.
//
// The first tick is so large that all boundaries lie behind it, where nothing is in use. In a child of fork
// time jumps as far: the child's boundaries are where its parent's heap stood when it was born.
//
// Thread-safety: yes. Signal-safety: reading; the others inside the recorder. Allocates: mmap only. Lock:
// kGrowth. Zeroed memory is an object before Start.
#ifndef HEAPPROF_SAMPLING_HEAP_HEAP_GROWTH_H_
#define HEAPPROF_SAMPLING_HEAP_HEAP_GROWTH_H_

#include <stdint.h>

#include <atomic>

#include "base/lock/spinlock.h"
#include "base/memory/arena.h"
#include "sampling/heap/bucket_table.h"

namespace heapprof {

class HeapGrowth {
 public:
  static constexpr int kLevels = 4;
  static constexpr int64_t kTickNanos = 30'000'000'000;

  // Of `table`; `now` in ns of a clock that only goes forward, the same in all calls.
  void Start(BucketTable* table, int64_t now);
  // When the next tick begins: ns.
  int64_t NextTick() const { return next_.load(std::memory_order_relaxed); }
  // Looks at the time. Before Start nothing happens.
  void Advance(int64_t now);
  // Before a bucket whose tick is not that of the table changes.
  void Roll(uint32_t id);

  // For one reader, who has it on the stack: what is looked back to from `now`.
  struct Window {
    uint64_t boundary[kLevels];
    uint32_t buckets[kLevels];  // how many there were
    int64_t nanos[kLevels];     // how long ago that was
    bool from_start[kLevels];   // it is as far as the process goes back
  };
  Window Look(int64_t now) const;
  struct Past {
    uint32_t in_use, frees;  // samples; frees modulo 2^32
  };
  // `now`: the bucket's, read before.
  Past At(const Window& window, int level, uint32_t id, Past now) const;
  // Buckets of which nothing could be kept.
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

  // The child notes for each bucket that it changes what its parent had: room for all is made here, as the
  // child may not be allowed to map any (seccomp).
  bool LockForFork();
  void UnlockAfterFork(bool in_child, int64_t now);

 private:
  // A boundary has its slot until the fourth after it, one more than a reader needs: time may go on while he
  // reads.
  static constexpr uint64_t kSlots = 4;
  static constexpr uint64_t kPeriods[kLevels] = {1, 10, 60, 1440};
  static constexpr uint64_t kFirstTick = 8 * kPeriods[kLevels - 1];

  struct Slot {
    std::atomic<uint32_t> in_use, frees;
  };
  struct Entry {
    std::atomic<uint32_t> tick;  // of the last note; 0: none
    Slot slots[kLevels][kSlots];
  };

  uint64_t TickAt(int64_t now) const;
  void AdvanceTo(uint64_t tick) HP_REQUIRES(lock_);
  void JumpFrom(int64_t now) HP_REQUIRES(lock_);

  std::atomic<int64_t> next_{0};
  std::atomic<int64_t> origin_{0};  // of tick 0
  std::atomic<uint64_t> tick_{0}, first_tick_{0};
  std::atomic<int64_t> start_{0};
  std::atomic<uint32_t> buckets_at_[kLevels][kSlots] = {};
  std::atomic<uint64_t> lost_{0};
  BucketTable* table_ = nullptr;
  static constexpr uint32_t kChunkBits = 10, kMaxChunks = 65536;
  ChunkedArray<Entry, kChunkBits, kMaxChunks> entries_;
  SpinLock<LockRank::kGrowth> lock_;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_HEAP_GROWTH_H_
