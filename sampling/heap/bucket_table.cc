// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/bucket_table.h"

#include "base/hash.h"
#include "base/lock/spinlock.h"
#include "base/memory/arena.h"

namespace heapprof {
namespace {

// Chains of buckets, newest first. A growth builds new heads and chains with the buckets' other `next`
// (parity) while readers go on in the old ones. Every `next` names a smaller id, in both parities at any
// moment, so that a reader who is caught by two growths still comes to an end; what it then misses it finds
// under the lock.
struct Heads {
  uint32_t mask;
  uint32_t parity;
  std::atomic<uint32_t> slots[];
};

constexpr uint32_t kFirstHeads = 4096;
constexpr uint32_t kExactOverflows = 512, kRoundedOverflows = 512;

ChunkedArray<Bucket, 12, 16384> g_buckets;
std::atomic<uint32_t> g_bucket_count{0};
std::atomic<Heads*> g_heads{nullptr};
SpinLock<LockRank::kStackInsert> g_lock;
uint32_t g_overflows HP_GUARDED_BY(g_lock) = 0;
bool g_full HP_GUARDED_BY(g_lock) = false;

uint64_t HeadsBytes(uint32_t count) {
  return sizeof(Heads) + uint64_t{count} * sizeof(std::atomic<uint32_t>);
}

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

uint32_t Find(const BucketKey& key, uint64_t hash) {
  // acquire: the heads' fields and chains before their address.
  const Heads* heads = g_heads.load(std::memory_order_acquire);
  if (heads == nullptr) return 0;
  uint32_t parity = heads->parity;
  // acquire: the bucket's fields before its id.
  uint32_t id = heads->slots[hash & heads->mask].load(std::memory_order_acquire);
  while (id != 0) {
    const Bucket* bucket = g_buckets.At(id);
    if (Matches(*bucket, key, hash)) return id;
    id = bucket->next[parity & 1].load(std::memory_order_acquire);
  }
  return 0;
}

void Link(Heads* heads, uint32_t id, Bucket* bucket) HP_REQUIRES(g_lock) {
  std::atomic<uint32_t>* head = &heads->slots[bucket->key_hash & heads->mask];
  bucket->next[heads->parity].store(head->load(std::memory_order_relaxed), std::memory_order_relaxed);
  // release: the bucket's fields before its id.
  head->store(id, std::memory_order_release);
}

void GrowHeads() HP_REQUIRES(g_lock) {
  Heads* old = g_heads.load(std::memory_order_relaxed);
  uint32_t size = old == nullptr ? kFirstHeads : (old->mask + 1) * 4;
  auto* heads = static_cast<Heads*>(MapMetadata(HeadsBytes(size)));
  if (heads == nullptr) return;  // chains grow longer, that is all
  heads->mask = size - 1;
  heads->parity = old == nullptr ? 0 : old->parity ^ 1;
  uint32_t count = g_bucket_count.load(std::memory_order_relaxed);
  for (uint32_t id = 1; id <= count; ++id) Link(heads, id, g_buckets.At(id));
  // release: heads and chains before their address.
  g_heads.store(heads, std::memory_order_release);
  // Readers may still be in the old heads, where they now find empty chains.
  if (old != nullptr) RetireMetadata(old, HeadsBytes(old->mask + 1));
}

// Under the lock. 0: no memory.
uint32_t Add(const BucketKey& key, uint64_t hash, uint32_t stack) HP_REQUIRES(g_lock) {
  uint32_t count = g_bucket_count.load(std::memory_order_relaxed);
  Heads* heads = g_heads.load(std::memory_order_relaxed);
  if (heads == nullptr || count > heads->mask) {
    GrowHeads();
    heads = g_heads.load(std::memory_order_relaxed);
    if (heads == nullptr) return 0;
  }
  uint32_t id = count + 1;
  Bucket* bucket = g_buckets.At(id);
  bucket->key_hash = hash;
  bucket->stack_hash.store(key.stack.hash, std::memory_order_relaxed);
  bucket->size = key.size;
  bucket->interval = key.interval;
  bucket->stack = stack;
  bucket->labels = key.labels;
  Link(heads, id, bucket);
  // release: the bucket before the count that covers it.
  g_bucket_count.store(id, std::memory_order_release);
  return id;
}

uint64_t RoundUpSize(uint64_t size) {
  int bits = 64 - __builtin_clzll(size | 1);
  if (bits <= 4) return size;
  uint64_t step = uint64_t{1} << (bits - 4);  // eight steps a doubling
  return (size + step - 1) & ~(step - 1);
}

// The room that a normal bucket may not use: overflow buckets must find a place when nothing else can be
// mapped.
bool HaveRoomBeside(uint32_t reserve) {
  uint32_t next = g_bucket_count.load(std::memory_order_relaxed) + 1;
  return g_buckets.Reserve(next, 1 + reserve);
}

uint32_t AddOverflow(const BucketKey& key) HP_REQUIRES(g_lock) {
  BucketKey overflow = key;
  overflow.stack = {nullptr, 0, false, 0};
  overflow.labels = 0;
  if (g_overflows >= kExactOverflows) overflow.size = RoundUpSize(key.size);
  uint64_t hash = KeyHash(overflow);
  if (uint32_t id = Find(overflow, hash)) return id;
  if (g_overflows >= kExactOverflows + kRoundedOverflows || !HaveRoomBeside(0)) return 0;
  ++g_overflows;
  return Add(overflow, hash, kOverflowStack);
}

uint32_t FindExactOverflow(const BucketKey& key) {
  BucketKey overflow = key;
  overflow.stack = {nullptr, 0, false, 0};
  overflow.labels = 0;
  return Find(overflow, KeyHash(overflow));
}

}  // namespace

uint32_t FindOrAddBucket(const BucketKey& key) {
  uint64_t hash = KeyHash(key);
  if (uint32_t id = Find(key, hash)) return id;
  SpinLockHolder hold(&g_lock);
  if (uint32_t id = Find(key, hash)) return id;
  if (!g_full) {
    constexpr uint32_t kReserve = kExactOverflows + kRoundedOverflows;
    if (HaveRoomBeside(kReserve)) {
      uint32_t stack = InternStack(key.stack);
      if (stack != kOverflowStack) return Add(key, hash, stack);
    }
    g_full = true;  // from here on new stacks go to overflow: what stands keeps counting
  }
  if (uint32_t id = FindExactOverflow(key)) return id;
  return AddOverflow(key);
}

Bucket* MutableBucket(uint32_t id) { return g_buckets.At(id); }

uint32_t BucketCount() { return g_bucket_count.load(std::memory_order_acquire); }

const Bucket* BucketAt(uint32_t id) { return g_buckets.At(id); }

bool HeapHasLocationIn(uint64_t start, uint64_t limit) {
  SpinLockHolder hold(&g_lock);
  return HasLocationIn(start, limit);
}

void MoveLocations(uint64_t start, uint64_t limit, uint64_t to) {
  SpinLockHolder hold(&g_lock);
  uint32_t count = g_bucket_count.load(std::memory_order_relaxed);
  for (uint32_t id = 1; id <= count; ++id) {
    Bucket* bucket = g_buckets.At(id);
    if (RetireStackIn(bucket->stack, start, limit)) bucket->stack_hash.store(0, std::memory_order_relaxed);
  }
  MoveLocationAddresses(start, limit, to);
}

bool LockBucketsForFork() { return g_lock.LockForFork(); }

void UnlockBucketsAfterFork(bool in_child) { g_lock.UnlockAfterFork(in_child); }

}  // namespace heapprof
