// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/live_table.h"

#include "base/hash.h"
#include "base/lock/processor.h"
#include "base/memory/arena.h"

namespace heapprof {
namespace {

constexpr uint32_t kFirstSlots = 256;  // a page

uint64_t Hash(uintptr_t address) { return address * kGoldenRatio; }

// A shard that finds no memory to grow is filled up to 13/16: a search that ends at an empty slot then looks
// at 15 slots on average (Knuth, 6.4), at 8 where 3/4 are full, at 32 where 7/8 are, and at thousands in a
// full table.
uint64_t MostEntries(uint64_t size) { return size - size / 16 * 3; }

// Entries at which a shard grows.
uint64_t EntriesToGrowAt(uint64_t size) { return size / 4 * 3; }

void MoveBirth(const std::atomic<int64_t>* from, std::atomic<int64_t>* to) {
  to->store(from->load(std::memory_order_relaxed), std::memory_order_relaxed);
}

}  // namespace

// The bits below the shard's, so that a growing table uses ever lower ones.
inline uint32_t LiveTable::HomeOf(uint64_t hash, uint32_t mask) {
  return static_cast<uint32_t>(hash >> 26) & mask;
}

inline LiveTable::Slot* LiveTable::Probe(Slot* slots, uint32_t mask, uint64_t hash, uintptr_t address) {
  for (uint32_t at = HomeOf(hash, mask);; at = (at + 1) & mask) {
    uint64_t there = slots[at].address.load(std::memory_order_relaxed);
    if (there == address || there == 0) return &slots[at];
  }
}

// Moves happen between the two calls; a reader who overlaps with them looks again.
inline void LiveTable::Shard::BeginMove() {
  uint32_t before = version.load(std::memory_order_relaxed);
  version.store(before + 1, std::memory_order_relaxed);
  // The odd version before any move (a store-store order; on the reader's side an acquire fence).
  std::atomic_thread_fence(std::memory_order_release);
}
inline void LiveTable::Shard::EndMove() {
  uint32_t before = version.load(std::memory_order_relaxed);
  // release: the moves before the even version.
  version.store(before + 1, std::memory_order_release);
}

bool LiveTable::Shard::Grow(bool with_births) {
  Slot* old_slots = slots.load(std::memory_order_relaxed);
  uint64_t old_size = old_slots == nullptr ? 0 : uint64_t{mask.load(std::memory_order_relaxed)} + 1;
  uint64_t size = old_size == 0 ? kFirstSlots : old_size * 2;
  if (size > (uint64_t{1} << 31)) return false;
  auto* room = static_cast<char*>(MapMetadata(BytesOf(size, with_births)));
  if (room == nullptr) return false;
  auto* fresh = reinterpret_cast<Slot*>(room + BytesOf(size, with_births) - size * sizeof(Slot));
  uint32_t fresh_mask = static_cast<uint32_t>(size - 1);
  for (uint64_t i = 0; i < old_size; ++i) {
    uint64_t address = old_slots[i].address.load(std::memory_order_relaxed);
    if (address == 0) continue;
    Slot* slot = Probe(fresh, fresh_mask, Hash(address), address);
    slot->address.store(address, std::memory_order_relaxed);
    slot->bucket.store(old_slots[i].bucket.load(std::memory_order_relaxed), std::memory_order_relaxed);
    slot->tag.store(old_slots[i].tag.load(std::memory_order_relaxed), std::memory_order_relaxed);
    if (with_births) MoveBirth(BirthOf(old_slots, i), BirthOf(fresh, static_cast<uint64_t>(slot - fresh)));
  }
  BeginMove();
  slots.store(fresh, std::memory_order_relaxed);
  // release: a reader who sees the larger mask sees the larger table.
  mask.store(fresh_mask, std::memory_order_release);
  EndMove();
  grow_at = static_cast<uint32_t>(EntriesToGrowAt(size));
  // The addresses stay mapped: a reader that is still there reads zeros and then sees the version.
  if (old_slots != nullptr) {
    const uint64_t bytes = BytesOf(old_size, with_births);
    RetireMetadata(reinterpret_cast<char*>(old_slots + old_size) - bytes, bytes);
  }
  return true;
}

__attribute__((noinline)) bool LiveTable::Shard::MakeRoom(bool with_births, uint32_t entries) {
  if (Grow(with_births)) return true;
  if (slots.load(std::memory_order_relaxed) == nullptr) return false;
  const uint64_t size = uint64_t{mask.load(std::memory_order_relaxed)} + 1;
  constexpr uint64_t kTries = 64;  // until the shard is full; asking may mean a system call each time
  const uint64_t next = entries + size / kTries, most = MostEntries(size);
  grow_at = static_cast<uint32_t>(next < most ? next : most);
  return entries < most;
}

// Closes the gap at `hole`: entries behind it that it cut off from their home move up (Knuth, 6.4, algorithm
// R).
template <bool kBirths>
inline void LiveTable::CloseGap(Slot* slots, uint32_t mask, uint32_t hole) {
  for (uint32_t at = (hole + 1) & mask;; at = (at + 1) & mask) {
    uint64_t address = slots[at].address.load(std::memory_order_relaxed);
    if (address == 0) break;
    uint32_t home = HomeOf(Hash(address), mask);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;  // its home lies behind the hole
    slots[hole].bucket.store(slots[at].bucket.load(std::memory_order_relaxed), std::memory_order_relaxed);
    slots[hole].tag.store(slots[at].tag.load(std::memory_order_relaxed), std::memory_order_relaxed);
    if (kBirths) MoveBirth(BirthOf(slots, at), BirthOf(slots, hole));
    // release: what belongs to the address before it.
    slots[hole].address.store(address, std::memory_order_release);
    hole = at;
  }
  slots[hole].address.store(0, std::memory_order_relaxed);
}

template <bool kBirths>
__attribute__((always_inline)) inline bool LiveTable::Insert(uintptr_t address, uint32_t bucket, uint32_t tag,
                                                             int64_t birth, uint32_t* stale,
                                                             int64_t* stale_birth) {
  *stale = 0;
  uint64_t hash = Hash(address);
  Shard& shard = ShardOf(hash);
  SpinLockHolderIfThreaded hold(&shard.lock);
  const uint32_t count = shard.count.load(std::memory_order_relaxed);
  bool full = false;
  if (__builtin_expect(count >= shard.grow_at, 0)) full = !shard.MakeRoom(kBirths, count);
  Slot* slots = shard.slots.load(std::memory_order_relaxed);
  if (__builtin_expect(full, 0) && slots == nullptr) return false;
  Slot* slot = Probe(slots, shard.mask.load(std::memory_order_relaxed), hash, address);
  const auto at = static_cast<uint64_t>(slot - slots);
  if (slot->address.load(std::memory_order_relaxed) == address) {
    *stale = slot->bucket.load(std::memory_order_relaxed);
    if (kBirths) *stale_birth = BirthOf(slots, at)->load(std::memory_order_relaxed);
  } else {
    if (__builtin_expect(full, 0)) return false;
    shard.count.store(count + 1, std::memory_order_relaxed);
  }
  slot->bucket.store(bucket, std::memory_order_relaxed);
  slot->tag.store(tag, std::memory_order_relaxed);
  if (kBirths) BirthOf(slots, at)->store(birth, std::memory_order_relaxed);
  // release: what belongs to the address before it, for those who look without the lock (CopyBirths,
  // CountSince, Peek).
  slot->address.store(address, std::memory_order_release);
  return true;
}

bool LiveTable::Insert(uintptr_t address, uint32_t bucket, uint32_t tag, uint32_t* stale) {
  return Insert<false>(address, bucket, tag, 0, stale, nullptr);
}

bool LiveTable::InsertBorn(uintptr_t address, uint32_t bucket, uint32_t tag, int64_t birth, uint32_t* stale,
                           int64_t* stale_birth) {
  return Insert<true>(address, bucket, tag, birth, stale, stale_birth);
}

void LiveTable::Prefetch(uintptr_t address) const {
  uint64_t hash = Hash(address);
  const Shard& shard = ShardOf(hash);
  // Whatever the two are of, the address is not touched.
  const Slot* slots = shard.slots.load(std::memory_order_relaxed);
  __builtin_prefetch(slots + HomeOf(hash, shard.mask.load(std::memory_order_relaxed)), 1);
}

bool LiveTable::Ignore(uintptr_t address) {
  if (Find(address) == 0) return false;
  uint64_t hash = Hash(address);
  Shard& shard = ShardOf(hash);
  SpinLockHolderIfThreaded hold(&shard.lock);
  Slot* slot = Probe(shard.slots.load(std::memory_order_relaxed), shard.mask.load(std::memory_order_relaxed),
                     hash, address);
  if (slot->address.load(std::memory_order_relaxed) != address) return false;
  slot->tag.fetch_or(live::kIgnoredTag, std::memory_order_relaxed);
  return true;
}

uint32_t LiveTable::Find(uintptr_t address, uint32_t* tag) const {
  uint64_t hash = Hash(address);
  const Shard& shard = ShardOf(hash);
  for (;;) {
    // acquire: the table of this version, not of an older one.
    uint32_t version = shard.version.load(std::memory_order_acquire);
    if ((version & 1) == 0) {
      // mask before slots: a larger table under an older mask is searched short, and the version tells; a
      // larger mask on a smaller table would read outside it.
      uint32_t mask = shard.mask.load(std::memory_order_acquire);
      Slot* slots = shard.slots.load(std::memory_order_acquire);
      if (slots == nullptr) return 0;
      uint32_t bucket = 0, its_tag = 0;
      uint32_t probes = 0;
      for (uint32_t at = HomeOf(hash, mask); probes <= mask; at = (at + 1) & mask, ++probes) {
        uint64_t there = slots[at].address.load(std::memory_order_relaxed);
        if (there == 0) break;
        if (there == address) {
          bucket = slots[at].bucket.load(std::memory_order_relaxed);
          its_tag = slots[at].tag.load(std::memory_order_relaxed);
          break;
        }
      }
      // The reads above before the second look at the version.
      std::atomic_thread_fence(std::memory_order_acquire);
      if (shard.version.load(std::memory_order_relaxed) == version) {
        if (tag != nullptr) *tag = its_tag;
        return bucket;
      }
    }
    Pause();
  }
}

uint32_t LiveTable::Peek(uintptr_t address) const {
  const uint64_t hash = Hash(address);
  const Shard& shard = ShardOf(hash);
  constexpr int kTries = 8;
  for (int tries = 0; tries < kTries; ++tries) {
    const uint32_t version = shard.version.load(std::memory_order_acquire);
    // mask before slots, as in Find.
    const uint32_t mask = shard.mask.load(std::memory_order_acquire);
    const Slot* slots = shard.slots.load(std::memory_order_acquire);
    if (slots == nullptr) return 0;
    uint32_t at = HomeOf(hash, mask);
    for (uint32_t probes = 0; probes <= mask; at = (at + 1) & mask, ++probes) {
      // acquire: the address before its bucket.
      const uint64_t there = slots[at].address.load(std::memory_order_acquire);
      if (there == address) return slots[at].bucket.load(std::memory_order_relaxed);
      if (there == 0) break;
    }
    // The reads above before the second look at the version.
    std::atomic_thread_fence(std::memory_order_acquire);
    if ((version & 1) == 0 && shard.version.load(std::memory_order_relaxed) == version) return 0;
  }
  return 0;
}

template <bool kBirths>
__attribute__((always_inline)) inline uint32_t LiveTable::Remove(uintptr_t address, bool expected,
                                                                 int64_t* birth) {
  // A miss needs no lock, and a thread that is alone no search before its own.
  if (!expected && !IsOnlyThread() && Find(address) == 0) return 0;
  uint64_t hash = Hash(address);
  Shard& shard = ShardOf(hash);
  SpinLockHolderIfThreaded hold(&shard.lock);
  Slot* slots = shard.slots.load(std::memory_order_relaxed);
  if (slots == nullptr) return 0;
  uint32_t mask = shard.mask.load(std::memory_order_relaxed);
  Slot* slot = Probe(slots, mask, hash, address);
  if (slot->address.load(std::memory_order_relaxed) != address) return 0;
  uint32_t bucket = slot->bucket.load(std::memory_order_relaxed);
  const auto at = static_cast<uint32_t>(slot - slots);
  if (kBirths) *birth = BirthOf(slots, at)->load(std::memory_order_relaxed);
  if (slots[(at + 1) & mask].address.load(std::memory_order_relaxed) == 0) {
    // Nothing lies behind it: no entry that a reader looks for, and nothing moves. release: a reader who sees
    // that it is gone sees the version that this thread knows, and what moved before.
    slot->address.store(0, std::memory_order_release);
  } else {
    shard.BeginMove();
    CloseGap<kBirths>(slots, mask, at);
    shard.EndMove();
  }
  shard.count.store(shard.count.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  return bucket;
}

uint32_t LiveTable::Remove(uintptr_t address, bool expected) {
  return Remove<false>(address, expected, nullptr);
}

uint32_t LiveTable::RemoveBorn(uintptr_t address, bool expected, int64_t* birth) {
  return Remove<true>(address, expected, birth);
}

uint64_t LiveTable::SlotsOf(uint32_t shard) const {
  // acquire: as in Find.
  if (shards_[shard].slots.load(std::memory_order_acquire) == nullptr) return 0;
  return uint64_t{shards_[shard].mask.load(std::memory_order_acquire)} + 1;
}

uint64_t LiveTable::CopyBirths(uint32_t shard, Born* out, uint64_t capacity) const {
  const Shard& from = shards_[shard];
  uint64_t count = 0;
  // A table that was left meanwhile reads as zeros. A shard that doubles as often as that has little in it.
  constexpr int kTries = 8;
  for (int tries = 0; tries < kTries; ++tries) {
    // mask before slots, as in Find.
    const uint32_t mask = from.mask.load(std::memory_order_acquire);
    Slot* slots = from.slots.load(std::memory_order_acquire);
    if (slots == nullptr || !has_births_) return 0;
    count = 0;
    for (uint64_t i = 0; i <= mask; ++i) {
      // acquire: the address before what belongs to it.
      if (slots[i].address.load(std::memory_order_acquire) == 0) continue;
      if (count < capacity)
        out[count] = {BirthOf(slots, i)->load(std::memory_order_relaxed),
                      slots[i].bucket.load(std::memory_order_relaxed)};
      ++count;
    }
    // The reads above before the look whether it is the table still.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (from.slots.load(std::memory_order_relaxed) == slots &&
        from.mask.load(std::memory_order_relaxed) == mask)
      break;
  }
  return count;
}

uint64_t LiveTable::Count() const {
  uint64_t count = 0;
  for (const Shard& shard : shards_) count += shard.count.load(std::memory_order_relaxed);
  return count;
}

uint64_t LiveTable::CopyAddresses(uintptr_t* out, uint64_t capacity) {
  uint64_t count = 0;
  for (Shard& shard : shards_) {
    SpinLockHolderIfThreaded hold(&shard.lock);
    const Slot* slots = shard.slots.load(std::memory_order_relaxed);
    if (slots == nullptr) continue;
    uint64_t size = uint64_t{shard.mask.load(std::memory_order_relaxed)} + 1;
    for (uint64_t i = 0; i < size; ++i) {
      uint64_t address = slots[i].address.load(std::memory_order_relaxed);
      if (address == 0) continue;
      if (count < capacity) out[count] = address;
      ++count;
    }
  }
  return count;
}

void LiveTable::ForEach(void (*visit)(void* context, uintptr_t address, uint32_t bucket, uint32_t tag),
                        void* context) const {
  for (const Shard& shard : shards_) {
    // mask before slots, as in Find.
    uint32_t mask = shard.mask.load(std::memory_order_acquire);
    const Slot* slots = shard.slots.load(std::memory_order_acquire);
    if (slots == nullptr) continue;
    for (uint64_t i = 0; i <= mask; ++i) {
      uint64_t address = slots[i].address.load(std::memory_order_relaxed);
      if (address == 0) continue;
      visit(context, address, slots[i].bucket.load(std::memory_order_relaxed),
            slots[i].tag.load(std::memory_order_relaxed));
    }
  }
}

void LiveTable::CountSince(uint32_t since, uint32_t* counts, uint32_t buckets, bool locked) HP_NOT_ANALYSED {
  for (Shard& shard : shards_) {
    if (locked) shard.lock.Lock();
    // mask before slots, as in Find.
    const uint32_t mask = shard.mask.load(std::memory_order_acquire);
    const Slot* slots = shard.slots.load(std::memory_order_acquire);
    for (uint64_t i = 0; slots != nullptr && i <= mask; ++i) {
      // acquire: the address before what belongs to it.
      if (slots[i].address.load(std::memory_order_acquire) == 0) continue;
      const uint32_t epoch = slots[i].tag.load(std::memory_order_relaxed) & live::kEpochMask;
      const uint32_t bucket = slots[i].bucket.load(std::memory_order_relaxed);
      const bool is_later = ((epoch - since) & live::kEpochMask) <= live::kEpochMask / 2;
      if (is_later && bucket != 0 && bucket <= buckets) ++counts[bucket - 1];
    }
    if (locked) shard.lock.Unlock();
  }
}

bool LiveTable::LockForFork() {
  for (Shard& shard : shards_) {
    if (!shard.lock.LockForFork()) return false;
  }
  return true;
}

void LiveTable::UnlockAfterFork(bool in_child) {
  for (Shard& shard : shards_) shard.lock.UnlockAfterFork(in_child);
}

}  // namespace heapprof
