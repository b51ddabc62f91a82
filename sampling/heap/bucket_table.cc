// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/bucket_table.h"

#include "base/hash.h"

namespace heapprof {
namespace {

constexpr uint32_t kFirstHeads = 4096;
constexpr uint32_t kExactOverflows = 512, kRoundedOverflows = 512;

uint64_t KeyHash(const BucketKey& key) {
  // Keys that differ in one of the four have different sums: the factors are odd.
  const uint64_t rest = (uint64_t{key.labels} << 1) | (key.stack.truncated ? 1 : 0);
  return MixBits(key.stack.hash + key.size * kGoldenRatio + key.interval * 0xc2b2ae3d27d4eb4f +
                 rest * 0x165667b19e3779f9);
}

bool Matches(const Bucket& bucket, const BucketKey& key, uint64_t hash) {
  return bucket.key_hash == hash && bucket.stack_hash.load(std::memory_order_relaxed) == key.stack.hash &&
         bucket.size == key.size && bucket.interval == key.interval && bucket.labels == key.labels;
}

uint64_t RoundUpSize(uint64_t size) {
  int bits = 64 - __builtin_clzll(size | 1);
  if (bits <= 4) return size;
  uint64_t step = uint64_t{1} << (bits - 4);  // eight steps a doubling
  return (size + step - 1) & ~(step - 1);
}

}  // namespace

uint32_t BucketTable::Find(const BucketKey& key, uint64_t hash) const {
  // acquire: the heads' fields and chains before their address.
  const Heads* heads = heads_.load(std::memory_order_acquire);
  if (heads == nullptr) return 0;
  uint32_t parity = heads->parity;
  // acquire: the bucket's fields before its id.
  uint32_t id = heads->slots[hash & heads->mask].load(std::memory_order_acquire);
  while (id != 0) {
    const Bucket* bucket = buckets_.At(id);
    if (Matches(*bucket, key, hash)) return id;
    id = bucket->next[parity & 1].load(std::memory_order_acquire);
  }
  return 0;
}

void BucketTable::Link(Heads* heads, uint32_t id, Bucket* bucket) {
  std::atomic<uint32_t>* head = &heads->slots[bucket->key_hash & heads->mask];
  bucket->next[heads->parity].store(head->load(std::memory_order_relaxed), std::memory_order_relaxed);
  // release: the bucket's fields before its id.
  head->store(id, std::memory_order_release);
}

void BucketTable::GrowHeads() {
  Heads* old = heads_.load(std::memory_order_relaxed);
  uint32_t size = old == nullptr ? kFirstHeads : (old->mask + 1) * 4;
  auto* heads = static_cast<Heads*>(MapMetadata(BytesOfHeads(size)));
  if (heads == nullptr) return;  // chains grow longer, that is all
  heads->mask = size - 1;
  heads->parity = old == nullptr ? 0 : old->parity ^ 1;
  uint32_t count = count_.load(std::memory_order_relaxed);
  for (uint32_t id = 1; id <= count; ++id) Link(heads, id, buckets_.At(id));
  // release: heads and chains before their address.
  heads_.store(heads, std::memory_order_release);
  // Readers may still be in the old heads, where they now find empty chains.
  if (old != nullptr) RetireMetadata(old, BytesOfHeads(old->mask + 1));
}

uint32_t BucketTable::Add(const BucketKey& key, uint64_t hash, uint32_t stack) {
  uint32_t count = count_.load(std::memory_order_relaxed);
  Heads* heads = heads_.load(std::memory_order_relaxed);
  if (heads == nullptr || count > heads->mask) {
    GrowHeads();
    heads = heads_.load(std::memory_order_relaxed);
    if (heads == nullptr) return 0;
  }
  uint32_t id = count + 1;
  Bucket* bucket = buckets_.At(id);
  bucket->key_hash = hash;
  bucket->stack_hash.store(key.stack.hash, std::memory_order_relaxed);
  bucket->size = key.size;
  bucket->interval = key.interval;
  bucket->stack = stack;
  bucket->labels = key.labels;
  Link(heads, id, bucket);
  // release: the bucket before the count that covers it.
  count_.store(id, std::memory_order_release);
  return id;
}

// The room that a normal bucket may not use: overflow buckets must find a place when nothing else can be
// mapped.
bool BucketTable::HasRoomBeside(uint32_t reserve) {
  uint32_t next = count_.load(std::memory_order_relaxed) + 1;
  return buckets_.Reserve(next, 1 + reserve);
}

uint32_t BucketTable::AddOverflow(const BucketKey& key) {
  BucketKey overflow = key;
  overflow.stack = {nullptr, 0, false, 0};
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
  overflow.stack = {nullptr, 0, false, 0};
  overflow.labels = 0;
  return Find(overflow, KeyHash(overflow));
}

uint32_t BucketTable::FindOrAdd(const BucketKey& key) {
  uint64_t hash = KeyHash(key);
  if (uint32_t id = Find(key, hash)) return id;
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
      bucket->stack_hash.store(0, std::memory_order_relaxed);
  }
  writable_stacks()->MoveLocations(start, limit, to);
}

}  // namespace heapprof
