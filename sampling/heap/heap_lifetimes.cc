// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/heap_lifetimes.h"

#include <algorithm>

namespace heapprof {

// Out of line: once for each class of a bucket.
__attribute__((noinline)) HeapLifetimes::Cell* HeapLifetimes::Add(uint32_t id, uint32_t kind) {
  SpinLockHolder hold(&lock_);
  if (Cell* cell = Find(id, kind)) return cell;
  if (!heads_.Reserve(id, 1) || !cells_.Reserve(used_ + 1, 1)) return nullptr;
  std::atomic<uint64_t>* head = heads_.At(id);
  const uint32_t at = ++used_;
  Cell* cell = cells_.At(at);
  cell->count.store(0, std::memory_order_relaxed);
  cell->next = HeadOf(head->load(std::memory_order_relaxed));
  cell->kind = kind;
  // release: the cell before the head.
  head->store(uint64_t{generation_.load(std::memory_order_relaxed)} << 32 | at, std::memory_order_release);
  return cell;
}

// Bucket::weight is 1/p with ten bits behind the point.
void HeapLifetimes::Lose(const Bucket& bucket, uint32_t kind) {
  constexpr uint64_t kOne = 1024;
  const uint64_t weight = (kOne + (bucket.weight & (kOne - 1))) << (bucket.weight >> 10);
  lost_[kind].objects_1024.fetch_add(weight, std::memory_order_relaxed);
  lost_[kind].bytes.fetch_add(BytesPerSample(bucket), std::memory_order_relaxed);
}

bool HeapLifetimes::Read(uint32_t id, Freed* freed) const {
  const std::atomic<uint64_t>* head = heads_.Find(id);
  // acquire: as in Find.
  uint32_t at = head == nullptr ? 0 : HeadOf(head->load(std::memory_order_acquire));
  if (at == 0) return false;
  *freed = {};
  while (at != 0) {
    const Cell* cell = cells_.At(at);
    freed->count[cell->kind / 2][cell->kind % 2] = cell->count.load(std::memory_order_relaxed);
    at = cell->next;
  }
  return true;
}

HeapLifetimes::Lost HeapLifetimes::ReadLost(int of_class, bool temporary) const {
  const LostSums& sums = lost_[of_class * 2 + (temporary ? 1 : 0)];
  return {sums.objects_1024.load(std::memory_order_relaxed), sums.bytes.load(std::memory_order_relaxed)};
}

bool HeapLifetimes::LockForFork(uint32_t buckets) {
  if (!lock_.LockForFork()) return false;
  if (!started()) return true;
  // Without memory what the child frees is lost by stack, and summed up.
  constexpr uint32_t kChunk = 1 << 12;
  for (uint32_t id = 1; id <= buckets; id += kChunk) {
    const uint32_t count = std::min(kChunk, buckets - id + 1);
    if (!heads_.Reserve(id, count) || !cells_.Reserve(id, count)) break;
  }
  return true;
}

void HeapLifetimes::UnlockAfterFork(bool in_child) {
  lock_.UnlockAfterFork(in_child);
  // Held still: the code that this thread's handler interrupted is at it. Then the child goes on with its
  // parent's.
  if (!in_child || !started() || !lock_.TryLock()) return;
  generation_.store(generation_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  used_ = 0;
  for (LostSums& sums : lost_) {
    sums.objects_1024.store(0, std::memory_order_relaxed);
    sums.bytes.store(0, std::memory_order_relaxed);
  }
  lock_.Unlock();
}

}  // namespace heapprof
