// SPDX-License-Identifier: Apache-2.0
// The live samples: address -> bucket.
//
// There are 64 shards. Each has a lock of its own, and is a hash table with open addressing, linear probing
// and 16 bytes a slot. To find that an address is absent takes no lock: the reader compares the shard's
// version before and after, which changes when entries move. The reader is about to free `address`: so nobody
// else inserts or removes its entry at the same time.
//
// Thread-safety: yes. Signal-safety: not while the interrupted code is inside (the recorder's guard sees to
// that). Allocates: mmap only. Locks: kLiveShard. Zeroed memory is an empty table. Memory: 16 bytes a slot,
// load between 3/8 and 3/4; up to 13/16 where metadata_limit, or the kernel, lets a shard grow no more. With
// births 8 bytes more a slot, before the shard's slots.
#ifndef HEAPPROF_SAMPLING_HEAP_LIVE_TABLE_H_
#define HEAPPROF_SAMPLING_HEAP_LIVE_TABLE_H_

#include <stdint.h>

#include <atomic>

#include "base/lock/spinlock.h"

namespace heapprof {

namespace live {

// The tag of a slot says three things of the block:
//   bit 31       the leak check passes it over
//   bits 27-30   the binary logarithm of the alignment that was asked for
//   bits 0-26    the epoch in which it was allocated, by which the leak check knows the scope it belongs to
inline constexpr uint32_t kIgnoredTag = uint32_t{1} << 31;
inline constexpr int kAlignmentShift = 27;
inline constexpr uint32_t kAlignmentMask = 15;
inline constexpr uint32_t kEpochMask = (uint32_t{1} << kAlignmentShift) - 1;

}  // namespace live

class LiveTable {
 public:
  // False: no memory; the caller counts the block as not followed. A stale entry of the same address (its
  // free was not seen) is replaced, and its bucket returned in *stale (0: none).
  bool Insert(uintptr_t address, uint32_t bucket, uint32_t tag, uint32_t* stale);

  // Takes the entry out. 0: there is none. `expected`: most likely there is one.
  uint32_t Remove(uintptr_t address, bool expected = false);

  // From now on each entry has the time of its birth, in ns of a clock that only goes forward. Once, before
  // the first entry; then the two below take the place of Insert and Remove.
  void KeepBirths() { has_births_ = true; }
  bool InsertBorn(uintptr_t address, uint32_t bucket, uint32_t tag, int64_t birth, uint32_t* stale,
                  int64_t* stale_birth);
  uint32_t RemoveBorn(uintptr_t address, bool expected, int64_t* birth);

  // Copies the births of one shard's entries, at most `capacity`; returns how many there are, or were when
  // the room for them ended. Never waits, for a handler too: an entry that moves meanwhile may be missed, or
  // copied twice.
  struct Born {
    int64_t birth;
    uint32_t bucket;
  };
  static constexpr int kShardBits = 6;
  static constexpr uint32_t kShards = 1u << kShardBits;
  uint64_t CopyBirths(uint32_t shard, Born* out, uint64_t capacity) const;
  // Entries that a shard has room for.
  uint64_t SlotsOf(uint32_t shard) const;

  // `address` will be inserted soon.
  void Prefetch(uintptr_t address) const;

  // The bucket of a live sample, and its tag; 0: none.
  uint32_t Find(uintptr_t address, uint32_t* tag = nullptr) const;

  // The same for a handler that may have interrupted a writer: never waits. While entries move, a live sample
  // may be missed.
  uint32_t Peek(uintptr_t address) const;

  // Sets kIgnoredTag. False: there is no such entry.
  bool Ignore(uintptr_t address);

  uint64_t Count() const;

  // Copies the addresses of the entries, at most `capacity`, and returns how many there are. What is inserted
  // or removed meanwhile may be among them or not.
  uint64_t CopyAddresses(uintptr_t* out, uint64_t capacity);

  // Calls visit(context, address, bucket, tag) for every entry, without locks: for a stopped world. A writer
  // that was stopped while it moved entries leaves one of them twice, none is missing.
  void ForEach(void (*visit)(void* context, uintptr_t address, uint32_t bucket, uint32_t tag),
               void* context) const;

  // Adds to counts[bucket - 1] how many entries of the buckets 1..buckets are of epoch `since` or a later
  // one. `locked`: exactly, with each shard's lock in turn; else, for a handler, what moves meanwhile may be
  // missed.
  void CountSince(uint32_t since, uint32_t* counts, uint32_t buckets, bool locked);

  bool LockForFork();
  void UnlockAfterFork(bool in_child);

 private:
  struct Slot {
    std::atomic<uint64_t> address;  // 0: empty
    std::atomic<uint32_t> bucket;
    std::atomic<uint32_t> tag;
  };
  static_assert(sizeof(Slot) == 16);

  struct alignas(64) Shard {
    SpinLock<LockRank::kLiveShard> lock;
    std::atomic<uint32_t> version{0};  // odd while entries move
    std::atomic<Slot*> slots{nullptr};
    std::atomic<uint32_t> mask{0};
    std::atomic<uint32_t> count{0};
    // Entries at which one more finds no room, or too little: at first none, then where the shard grows, or
    // where to try again after there was no memory.
    uint32_t grow_at HP_GUARDED_BY(lock) = 0;

    void BeginMove() HP_REQUIRES(lock);
    void EndMove() HP_REQUIRES(lock);
    // False: no memory, or the largest size.
    bool Grow(bool with_births) HP_REQUIRES(lock);
    // At grow_at. False: the shard is full, or has no slots at all.
    bool MakeRoom(bool with_births, uint32_t entries) HP_REQUIRES(lock);
  };
  static uint64_t BytesOf(uint64_t slots, bool with_births) {
    return slots * (sizeof(Slot) + (with_births ? sizeof(int64_t) : 0));
  }
  // Backwards from the slots, so that a reader need not know how many there are.
  static std::atomic<int64_t>* BirthOf(Slot* slots, uint64_t at) {
    return reinterpret_cast<std::atomic<int64_t>*>(slots) - 1 - at;
  }

  static uint32_t HomeOf(uint64_t hash, uint32_t mask);
  static Slot* Probe(Slot* slots, uint32_t mask, uint64_t hash, uintptr_t address);
  template <bool kBirths>
  static void CloseGap(Slot* slots, uint32_t mask, uint32_t hole);
  template <bool kBirths>
  bool Insert(uintptr_t address, uint32_t bucket, uint32_t tag, int64_t birth, uint32_t* stale,
              int64_t* stale_birth);
  template <bool kBirths>
  uint32_t Remove(uintptr_t address, bool expected, int64_t* birth);
  Shard& ShardOf(uint64_t hash) { return shards_[hash >> (64 - kShardBits)]; }
  const Shard& ShardOf(uint64_t hash) const { return shards_[hash >> (64 - kShardBits)]; }

  Shard shards_[kShards];
  bool has_births_ = false;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_LIVE_TABLE_H_
