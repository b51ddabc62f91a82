// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/bucket_table.h"

#include <string.h>

#include "base/hash.h"
#include "base/real_functions.h"
#include "base/system/float_environment.h"

namespace heapprof {
namespace {

constexpr uint64_t kFirstSlots = 4096;
constexpr uint32_t kExactOverflows = 512, kRoundedOverflows = 512;

// Once for every block at interval 1, as Find is.
__attribute__((always_inline)) inline uint64_t KeyHash(const BucketKey& key) {
  // Keys that differ in one of the four have different sums: the factors are odd.
  const uint64_t rest = (uint64_t{key.labels} << 1) | (key.stack.truncated != 0 ? 1 : 0);
  return MixBits(key.stack.hash + key.size * kGoldenRatio + key.interval * 0xc2b2ae3d27d4eb4f +
                 rest * 0x165667b19e3779f9);
}

// MixBits takes no two sums to the same hash: where the rest of two keys is equal, so are the hashes of their
// stacks.
bool Matches(const Bucket& bucket, const BucketKey& key, uint64_t hash) {
  return bucket.key_hash == hash && bucket.size == key.size && bucket.interval == key.interval &&
         bucket.labels == key.labels && bucket.retired.load(std::memory_order_relaxed) == 0;
}

// Bucket::weight for 1/p, p = 1 - exp(-S/R).
uint16_t WeightOf(uint64_t size, uint64_t interval) {
  if (interval <= 1 || size == 0) return 0;
  OwnFloatEnvironment environment;
  const double weight =
      -1 / Expm1(-(static_cast<double>(Pinned(size)) / static_cast<double>(Pinned(interval))));
  uint64_t bits;
  memcpy(&bits, &weight, sizeof bits);
  // Of a double, at least 1 and at most 2^47: sign 0, an exponent with an offset of 1023, 52 bits of which
  // ten stay.
  constexpr int kExponentShift = 52, kFraction = 10, kDropped = kExponentShift - kFraction;
  bits = Pinned(bits) + (uint64_t{1} << (kDropped - 1));
  return static_cast<uint16_t>((bits - (uint64_t{1023} << kExponentShift)) >> kDropped);
}

uint64_t RoundUpSize(uint64_t size) {
  int bits = 64 - __builtin_clzll(size | 1);
  if (bits <= 4) return size;
  uint64_t step = uint64_t{1} << (bits - 4);  // eight steps a doubling
  return (size + step - 1) & ~(step - 1);
}

}  // namespace

// At interval 1 it runs for every block: a call less.
__attribute__((always_inline)) inline uint32_t BucketTable::Find(const BucketKey& key, uint64_t hash) const {
  // acquire: the index' fields before its address.
  const Index* index = index_.load(std::memory_order_acquire);
  if (index == nullptr) return 0;
  const uint64_t mask = index->mask;
  for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
    // acquire: the bucket's fields before its id.
    const uint64_t slot = index->slots[at].load(std::memory_order_acquire);
    if (slot == 0) return 0;
    if ((slot ^ hash) >> 32 != 0) continue;
    const auto id = static_cast<uint32_t>(slot);
    if (Matches(*buckets_.At(id), key, hash)) return id;
  }
}

void BucketTable::Enter(Index* index, uint32_t id) {
  const uint64_t hash = buckets_.At(id)->key_hash;
  uint64_t at = hash & index->mask;
  while (index->slots[at].load(std::memory_order_relaxed) != 0) at = (at + 1) & index->mask;
  // release: the bucket's fields before its id.
  index->slots[at].store((hash & ~uint64_t{UINT32_MAX}) | id, std::memory_order_release);
}

void BucketTable::GrowIndex() {
  Index* old = index_.load(std::memory_order_relaxed);
  uint64_t size = old == nullptr ? kFirstSlots : (old->mask + 1) * 2;
  auto* index = static_cast<Index*>(MapMetadata(BytesOfIndex(size)));
  if (index == nullptr) return;
  index->mask = size - 1;
  uint32_t count = count_.load(std::memory_order_relaxed);
  for (uint32_t id = 1; id <= count; ++id) Enter(index, id);
  // release: the slots before the index' address.
  index_.store(index, std::memory_order_release);
  // Readers may still be in the old one, and find empty slots there, or a mask of 0 and an empty slot.
  if (old != nullptr) RetireMetadata(old, BytesOfIndex(old->mask + 1));
}

uint32_t BucketTable::Add(const BucketKey& key, uint64_t hash, uint32_t stack) {
  uint32_t count = count_.load(std::memory_order_relaxed);
  uint32_t id = count + 1;
  Bucket* bucket = buckets_.At(id);
  bucket->key_hash = hash;
  bucket->size = key.size;
  bucket->interval = key.interval & ((uint64_t{1} << 48) - 1);
  bucket->weight = WeightOf(key.size, key.interval);
  bucket->stack = stack;
  bucket->labels = static_cast<uint16_t>(key.labels);
  bucket->tick.store(tick(), std::memory_order_relaxed);
  Enter(index_.load(std::memory_order_relaxed), id);
  // release: the bucket before the count that covers it.
  count_.store(id, std::memory_order_release);
  return id;
}

// Whether one more bucket finds room in table and index. `reserve`: the room that a normal bucket may not
// use, as overflow buckets must find a place when nothing else can be mapped. The index is three quarters
// full at most, or, where it cannot grow, has an empty slot still.
bool BucketTable::HasRoomBeside(uint32_t reserve) {
  const uint64_t next = uint64_t{count_.load(std::memory_order_relaxed)} + 1;
  const auto size = [this] {
    const Index* index = index_.load(std::memory_order_relaxed);
    return index == nullptr ? 0 : index->mask + 1;
  };
  if (next * 4 > size() * 3 || next + reserve >= size()) GrowIndex();
  return next + reserve < size() && buckets_.Reserve(static_cast<uint32_t>(next), 1 + reserve);
}

uint32_t BucketTable::AddOverflow(const BucketKey& key) {
  BucketKey overflow = key;
  overflow.stack = {nullptr, 0, Truncation::kNone, 0};
  overflow.labels = 0;
  if (overflows_ >= kExactOverflows) overflow.size = RoundUpSize(key.size);
  uint64_t hash = KeyHash(overflow);
  if (uint32_t id = Find(overflow, hash)) return id;
  if (overflows_ >= kExactOverflows + kRoundedOverflows || !HasRoomBeside(0)) return 0;
  ++overflows_;
  return Add(overflow, hash, kOverflowStack);
}

uint32_t BucketTable::FindExactOverflow(const BucketKey& key) const {
  BucketKey overflow = key;
  overflow.stack = {nullptr, 0, Truncation::kNone, 0};
  overflow.labels = 0;
  return Find(overflow, KeyHash(overflow));
}

uint32_t BucketTable::FindOrAdd(const BucketKey& key) {
  uint64_t hash = KeyHash(key);
  uint32_t id = Find(key, hash);
  return __builtin_expect(id != 0, 1) ? id : FindOrAddLocked(key, hash);
}

uint32_t BucketTable::FindOrAdd(const BucketKey& key, BucketTrail* trail) {
  if (count_.load(std::memory_order_relaxed) < kFewBuckets) return FindOrAdd(key);
  const uint64_t hash = KeyHash(key);
  uint32_t id = trail->next;
  if (id == 0 || !Matches(*buckets_.At(id), key, hash)) {
    id = Find(key, hash);
    if (__builtin_expect(id == 0, 0)) id = FindOrAddLocked(key, hash);
    // release: what the bucket says before its id, which another thread may follow.
    if (trail->last != 0) buckets_.At(trail->last)->next.store(id, std::memory_order_release);
  }
  trail->last = id;
  trail->next = 0;
  if (__builtin_expect(id == 0, 0)) return 0;
  // acquire: pairs with the above.
  trail->next = buckets_.At(id)->next.load(std::memory_order_acquire);
  if (trail->next != 0) __builtin_prefetch(buckets_.At(trail->next), 1);
  return id;
}

__attribute__((noinline)) uint32_t BucketTable::FindOrAddLocked(const BucketKey& key, uint64_t hash) {
  SpinLockHolder hold(&lock_);
  if (uint32_t id = Find(key, hash)) return id;
  if (!full_) {
    constexpr uint32_t kReserve = kExactOverflows + kRoundedOverflows;
    if (HasRoomBeside(kReserve)) {
      uint32_t stack = writable_stacks()->Intern(key.stack);
      if (stack != kOverflowStack) return Add(key, hash, stack);
    }
    full_ = true;  // from here on new stacks go to overflow: what stands keeps counting
  }
  if (uint32_t id = FindExactOverflow(key)) return id;
  return AddOverflow(key);
}

bool BucketTable::HasLocationIn(uint64_t start, uint64_t limit) {
  SpinLockHolder hold(&lock_);
  return stacks_.HasLocationIn(start, limit);
}

void BucketTable::MoveLocations(uint64_t start, uint64_t limit, uint64_t to) {
  SpinLockHolder hold(&lock_);
  uint32_t count = count_.load(std::memory_order_relaxed);
  for (uint32_t id = 1; id <= count; ++id) {
    Bucket* bucket = buckets_.At(id);
    if (writable_stacks()->RetireIn(bucket->stack, start, limit))
      bucket->retired.store(1, std::memory_order_relaxed);
  }
  writable_stacks()->MoveLocations(start, limit, to);
}

}  // namespace heapprof
