// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/heap_peak.h"

#include "base/lock/processor.h"
#include "base/system/coarse_clock.h"

namespace heapprof {
namespace {

uint32_t InUse(const Bucket& bucket) {
  const uint64_t frees = bucket.frees.load(std::memory_order_acquire);
  const uint64_t allocations = bucket.allocations.load(std::memory_order_acquire);
  const uint64_t in_use = frees < allocations ? allocations - frees : 0;
  return in_use < UINT32_MAX ? static_cast<uint32_t>(in_use) : UINT32_MAX;
}

}  // namespace

// Of two threads the first one's value stays: the other may have read counts that the first has changed.
void HeapPeak::Keep(Bucket* bucket, uint32_t epoch) {
  uint64_t kept = bucket->at_peak.load(std::memory_order_acquire);
  if (IsAtPeak(epoch) || static_cast<uint32_t>(kept) == epoch) return;
  bucket->at_peak.compare_exchange_strong(kept, uint64_t{InUse(*bucket)} << 32 | epoch,
                                          std::memory_order_acq_rel);
  // The value before the counts that the caller changes now (pairs with the acquire of these in a reader).
  std::atomic_thread_fence(std::memory_order_release);
}

inline void HeapPeak::KeepAlone(Bucket* bucket, uint32_t epoch) {
  if (IsAtPeak(epoch) || HasKept(*bucket, epoch)) return;
  bucket->at_peak.store(uint64_t{InUse(*bucket)} << 32 | epoch, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // as above
}

// Where the sum falls by a free, it is known whether it was higher than ever until then: who made it so may
// not have told yet.
void HeapPeak::AddToSum(int64_t bytes, bool is_free) {
  const int64_t before = in_use_.fetch_add(bytes, std::memory_order_acq_rel);
  const int64_t higher = is_free ? before : before + bytes;
  if (higher > highest_.load(std::memory_order_relaxed)) Raise(higher);
}

HeapPeak::Part* HeapPeak::ClaimPart(uint32_t mark) {
  Part* own = &parts_[mark / 4 % kParts];
  uint32_t nobody = 0;
  if (mark != 0 && own->owner.compare_exchange_strong(nobody, mark, std::memory_order_relaxed)) return own;
  return &parts_[kParts];
}

void HeapPeak::AddToPart(int64_t bytes, uint32_t epoch) {
  const uint32_t mark = t_lock_mark;
  Part* part = &parts_[mark / 4 % kParts];
  int64_t total;
  if (part->owner.load(std::memory_order_relaxed) == mark && mark != 0) {
    total = AddAlone(&part->total, bytes);
  } else {
    part = ClaimPart(mark);
    total = part->total.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  }
  const int64_t held = total - part->collected.load(std::memory_order_relaxed);
  const int64_t most = part_size_.load(std::memory_order_relaxed),
                near = near_.load(std::memory_order_relaxed);
  const int64_t sum = in_use_.load(std::memory_order_relaxed);
  // At a peak nothing is lost by being late: its end collects the parts.
  if (IsAtPeak(epoch) || sum < near) {
    if (held < most && held > -most) return;
    if (sum + held < near) return Collect(part, false);
  } else if (held == bytes) {
    return Collect(part, bytes < 0);
  }
  CollectParts();
}

// Whoever collects adds what was added since another did: the differences always make up the total.
int64_t HeapPeak::TakeOut(Part* part) {
  const int64_t total = part->total.load(std::memory_order_relaxed);
  if (total == part->collected.load(std::memory_order_relaxed)) return 0;
  return total - part->collected.exchange(total, std::memory_order_relaxed);
}

void HeapPeak::Collect(Part* part, bool is_free) {
  if (const int64_t bytes = TakeOut(part); bytes != 0) AddToSum(bytes, is_free);
}

void HeapPeak::CollectParts() {
  int64_t sum = 0;
  for (Part& part : parts_) sum += TakeOut(&part);
  if (sum != 0) AddToSum(sum, false);
}

int64_t HeapPeak::InUseBytes() const {
  int64_t sum = in_use_.load(std::memory_order_relaxed);
  for (const Part& part : parts_) {
    sum += part.total.load(std::memory_order_relaxed) - part.collected.load(std::memory_order_relaxed);
  }
  return sum;
}

int64_t HeapPeak::HighestBytes() const {
  const int64_t highest = highest_.load(std::memory_order_relaxed);
  const int64_t now = IsAtPeak(epoch()) ? InUseBytes() : 0;
  return now > highest ? now : highest;
}

void HeapPeak::CountAllocationSlow(Bucket* bucket) {
  const uint32_t epoch = epoch_.load(std::memory_order_acquire);
  const auto bytes = static_cast<int64_t>(BytesPerSample(*bucket));
  if (IsOnlyThread()) {
    KeepAlone(bucket, epoch);
    return AllocateAlone(bucket, bytes, epoch);
  }
  if (!IsAtPeak(epoch) && !HasKept(*bucket, epoch)) Keep(bucket, epoch);
  // release, here and of the frees: who sees the count sees the value that was kept before it, by whomever.
  bucket->allocations.fetch_add(1, std::memory_order_release);
  AddToPart(bytes, epoch);
}

void HeapPeak::CountFreeSlow(Bucket* bucket) {
  PrepareToWrite(bucket);  // another processor may have it: asked for once, instead of first to be read
  const auto bytes = static_cast<int64_t>(BytesPerSample(*bucket));
  uint32_t epoch = epoch_.load(std::memory_order_acquire);
  if (IsOnlyThread()) {
    if (IsAtPeak(epoch)) {
      epoch_.store(++epoch, std::memory_order_relaxed);
      if (IsToBeTimed(epoch)) NoteTime();
    }
    KeepAlone(bucket, epoch);
    AddAlone(&in_use_, -bytes);
    AddAlone(&bucket->frees, 1);
    return;
  }
  if (IsAtPeak(epoch)) epoch = End(epoch);
  // The sum falls before the bucket does: it may show that another peak has begun.
  AddToPart(-bytes, epoch);
  epoch = epoch_.load(std::memory_order_acquire);
  if (IsAtPeak(epoch)) epoch = End(epoch);
  if (!HasKept(*bucket, epoch)) Keep(bucket, epoch);
  bucket->frees.fetch_add(1, std::memory_order_release);
}

void HeapPeak::NoteTime() {
  constexpr int kLgPart = 10;
  const int64_t highest = highest_.load(std::memory_order_relaxed);
  next_timed_.store(highest + (highest >> kLgPart), std::memory_order_relaxed);
  time_.store(CoarseRealtimeNanos(), std::memory_order_relaxed);
}

void HeapPeak::Raise(int64_t now) {
  for (;;) {
    // The epoch before the height: who raises and ends a peak in between has changed it, and then this one
    // must not begin another.
    const uint32_t epoch = epoch_.load(std::memory_order_acquire);
    int64_t highest = highest_.load(std::memory_order_acquire);
    if (now <= highest) return;
    uint32_t expected = epoch;
    if (!IsAtPeak(epoch) && !epoch_.compare_exchange_strong(expected, epoch + 1, std::memory_order_acq_rel)) {
      continue;
    }
    if (highest_.compare_exchange_strong(highest, now, std::memory_order_acq_rel)) return SetPartSize(now);
  }
}

void HeapPeak::SetPartSize(int64_t highest) {
  int64_t size = highest >> kLgPart;
  if (size < kLeastPart) size = kLeastPart;
  part_size_.store(size, std::memory_order_relaxed);
  near_.store(highest - size * (kParts + 1), std::memory_order_relaxed);
}

uint32_t HeapPeak::End(uint32_t epoch) {
  CollectParts();
  while (IsAtPeak(epoch)) {
    if (!epoch_.compare_exchange_weak(epoch, epoch + 1, std::memory_order_acq_rel)) continue;
    if (IsToBeTimed(epoch)) NoteTime();
    return epoch + 1;
  }
  return epoch;
}

void HeapPeak::Reset() {
  since_.store(CoarseRealtimeNanos(), std::memory_order_relaxed);
  uint32_t epoch = epoch_.load(std::memory_order_relaxed);
  while (!epoch_.compare_exchange_weak(epoch, IsAtPeak(epoch) ? epoch + 2 : epoch + 1,
                                       std::memory_order_acq_rel)) {
  }
  CollectParts();
  const int64_t now = in_use_.load(std::memory_order_relaxed);
  highest_.store(now, std::memory_order_relaxed);
  SetPartSize(now);
  next_timed_.store(0, std::memory_order_relaxed);
}

uint32_t HeapPeak::InUseAtPeak(const Bucket& bucket, uint32_t epoch) const {
  const uint32_t now = InUse(bucket);
  if (IsAtPeak(epoch)) return now;
  // acquire, after the counts: if they have changed in this epoch, the kept value is there.
  const uint64_t kept = bucket.at_peak.load(std::memory_order_acquire);
  return static_cast<uint32_t>(kept) == epoch ? static_cast<uint32_t>(kept >> 32) : now;
}

int64_t HeapPeak::TimeNanos() const {
  return IsAtPeak(epoch()) ? CoarseRealtimeNanos() : time_.load(std::memory_order_relaxed);
}

}  // namespace heapprof
