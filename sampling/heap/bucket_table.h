// SPDX-License-Identifier: Apache-2.0
// Buckets: how often a stack allocated S bytes, and how often such blocks were freed.
//
//   bucket (stack, size S, interval R, labels) -> stack -> locations, leaf first -> pc
//
// Append-only, and never freed, as its stacks are (stack_table.h). Looking a bucket up takes no lock; adding
// one takes the insertion lock, which also guards the stacks' writers. Thread-safety: yes. Signal-safety:
// reading; FindOrAdd not inside itself (the recorder's guard sees to that). Allocates: mmap only. Lock:
// kStackInsert. Zeroed memory is an empty table.
#ifndef HEAPPROF_SAMPLING_HEAP_BUCKET_TABLE_H_
#define HEAPPROF_SAMPLING_HEAP_BUCKET_TABLE_H_

#include <stdint.h>

#include <atomic>

#include "base/lock/spinlock.h"
#include "base/memory/arena.h"
#include "sampling/heap/stack_table.h"

namespace heapprof {

struct BucketKey {
  RawStack stack;
  uint64_t size;
  uint64_t interval;
  uint32_t labels;
};

// The allocations of S bytes, sampled at mean interval R, of one stack. Both counters only grow; free counts
// are read first, so that a reader never sees more frees than allocations.
struct alignas(64) Bucket {
  uint64_t key_hash;
  std::atomic<uint32_t> next;     // the bucket that was asked for after it last, by one who followed; or 0
  std::atomic<uint32_t> retired;  // not 0: of a stack that can no longer occur
  uint64_t size;                  // S, bytes as asked for
  uint64_t interval : 48;         // R, bytes, at most 2^47; 1 = every allocation was taken
  uint64_t weight : 16;           // 1/p: 1 + its low 10 bits / 2^10, times 2 to the power of the others
  uint32_t stack;                 // of the table's stacks; kOverflowStack: the metadata limit was reached
  uint16_t labels;                // 0 = none
  std::atomic<uint16_t> tick;     // of heap_growth.h: in which it last changed, or was made
  std::atomic<uint64_t> allocations;
  std::atomic<uint64_t> frees;
  std::atomic<uint64_t> at_peak;  // of heap_peak.h: what was in use, above an epoch
};
static_assert(sizeof(Bucket) == 64);

// The bytes that a sample stands for, S/p, to 1/2000: exact at R = 1. For sums that are kept while the
// program runs; profiles compute their own.
inline uint64_t BytesPerSample(const Bucket& bucket) {
  if (__builtin_expect(bucket.weight == 0, 1)) return bucket.size;
  constexpr int kFraction = 10;
  constexpr uint64_t kOne = uint64_t{1} << kFraction;
  return (bucket.size * (kOne + (bucket.weight & (kOne - 1))) << (bucket.weight >> kFraction)) >> kFraction;
}

// Where a thread is among the buckets: the last one that it asked for, and what followed that one last. It
// begins as zeros.
struct BucketTrail {
  uint32_t last, next;
};

class BucketTable {
 public:
  // The id of the key's bucket. When the metadata limit is reached: the overflow bucket of (size, interval),
  // exactly that size for the first of them, rounded up to one of eight steps a doubling for the rest.
  // 0: not even that could be had.
  uint32_t FindOrAdd(const BucketKey& key);

  // The same for a thread that asks for every block it gets. What a program does, it mostly does again: two
  // of three times the bucket is the one that followed the last one before. So that one is fetched as soon as
  // the last one is known, long before it is asked for, and then neither the index is searched nor memory
  // waited for. Few buckets are in the processor's caches anyway; there it would be a guess more that fails.
  static constexpr uint32_t kFewBuckets = 4096;
  uint32_t FindOrAdd(const BucketKey& key, BucketTrail* trail);

  // Buckets have the ids 1..count().
  uint32_t count() const { return count_.load(std::memory_order_acquire); }
  const Bucket* At(uint32_t id) const { return buckets_.At(id); }
  Bucket* At(uint32_t id) { return buckets_.At(id); }
  const StackTable& stacks() const { return stacks_; }

  // For code that was unmapped from [start, limit): whether recorded stacks refer to it; and that what they
  // refer to lies at `to` now. Their buckets keep counting frees, but take no more allocations.
  bool HasLocationIn(uint64_t start, uint64_t limit);
  void MoveLocations(uint64_t start, uint64_t limit, uint64_t to);

  // Buckets made from now on are of this tick.
  void SetTick(uint16_t tick) { tick_.store(tick, std::memory_order_relaxed); }
  uint16_t tick() const { return tick_.load(std::memory_order_relaxed); }

  bool LockForFork() { return lock_.LockForFork(); }
  void UnlockAfterFork(bool in_child) { lock_.UnlockAfterFork(in_child); }

 private:
  // Open addressing with linear probing; slots are filled and stay. A slot has the high half of the key's
  // hash beside the id, so that a search looks at no bucket but the one that it is for: at an interval of a
  // few KiB each is a cache miss. A growth makes a new index while readers go on in the old one; what they
  // miss there they find under the lock.
  struct Index {
    uint64_t mask;
    std::atomic<uint64_t> slots[];  // 0: empty
  };
  static uint64_t BytesOfIndex(uint64_t slots) {
    return sizeof(Index) + slots * sizeof(std::atomic<uint64_t>);
  }

  uint32_t Find(const BucketKey& key, uint64_t hash) const;
  uint32_t FindOrAddLocked(const BucketKey& key, uint64_t hash);
  uint32_t FindExactOverflow(const BucketKey& key) const;
  StackTable* writable_stacks() HP_REQUIRES(lock_) { return &stacks_; }
  void Enter(Index* index, uint32_t id) HP_REQUIRES(lock_);
  void GrowIndex() HP_REQUIRES(lock_);
  bool HasRoomBeside(uint32_t reserve) HP_REQUIRES(lock_);
  // 0: no memory.
  uint32_t Add(const BucketKey& key, uint64_t hash, uint32_t stack) HP_REQUIRES(lock_);
  uint32_t AddOverflow(const BucketKey& key) HP_REQUIRES(lock_);

  ChunkedArray<Bucket, 12, 16384> buckets_;
  std::atomic<Index*> index_{nullptr};
  StackTable stacks_;
  std::atomic<uint32_t> count_{0};
  std::atomic<uint16_t> tick_{0};
  SpinLock<LockRank::kStackInsert> lock_;
  uint32_t overflows_ HP_GUARDED_BY(lock_) = 0;
  bool full_ HP_GUARDED_BY(lock_) = false;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_BUCKET_TABLE_H_
