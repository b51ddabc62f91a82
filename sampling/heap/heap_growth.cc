// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/heap_growth.h"

namespace heapprof {
namespace {

uint32_t Clamped(uint64_t count) { return count < UINT32_MAX ? static_cast<uint32_t>(count) : UINT32_MAX; }

}  // namespace

void HeapGrowth::Start(BucketTable* table, int64_t now) {
  SpinLockHolder hold(&lock_);
  table_ = table;
  first_tick_.store(kFirstTick, std::memory_order_relaxed);
  start_.store(now, std::memory_order_relaxed);
  origin_.store(now - static_cast<int64_t>(kFirstTick) * kTickNanos, std::memory_order_relaxed);
  tick_.store(kFirstTick, std::memory_order_relaxed);
  table->SetTick(static_cast<uint16_t>(kFirstTick));
  next_.store(now + kTickNanos, std::memory_order_relaxed);
}

uint64_t HeapGrowth::TickAt(int64_t now) const {
  const int64_t since = now - origin_.load(std::memory_order_relaxed);
  return since < 0 ? 0 : static_cast<uint64_t>(since / kTickNanos);
}

void HeapGrowth::AdvanceTo(uint64_t tick) {
  const uint64_t before = tick_.load(std::memory_order_relaxed);
  if (tick <= before) return;
  for (int level = 0; level < kLevels; ++level) {
    const uint64_t last = tick / kPeriods[level];
    uint64_t boundary = before / kPeriods[level] + 1;
    if (boundary + kSlots <= last) boundary = last - kSlots + 1;
    // Nobody has looked at the time since the boundary: there were as many as there are.
    for (; boundary <= last; ++boundary)
      buckets_at_[level][boundary % kSlots].store(table_->count(), std::memory_order_relaxed);
  }
  // release: the numbers before the tick.
  tick_.store(tick, std::memory_order_release);
  table_->SetTick(static_cast<uint16_t>(tick));
  next_.store(origin_.load(std::memory_order_relaxed) + static_cast<int64_t>(tick + 1) * kTickNanos,
              std::memory_order_relaxed);
}

void HeapGrowth::Advance(int64_t now) {
  SpinLockHolder hold(&lock_);
  if (table_ != nullptr) AdvanceTo(TickAt(now));
}

void HeapGrowth::Roll(uint32_t id) {
  SpinLockHolder hold(&lock_);
  Bucket* bucket = table_->At(id);
  const uint64_t tick = tick_.load(std::memory_order_relaxed);
  if (bucket->tick.load(std::memory_order_relaxed) == static_cast<uint16_t>(tick)) return;
  if (entries_.Reserve(id, 1)) {
    Entry* entry = entries_.At(id);
    const uint64_t frees = bucket->frees.load(std::memory_order_acquire);
    const uint64_t allocations = bucket->allocations.load(std::memory_order_acquire);
    const uint64_t noted = entry->tick.load(std::memory_order_relaxed);
    for (int level = 0; level < kLevels; ++level) {
      const uint64_t last = tick / kPeriods[level];
      uint64_t boundary = noted / kPeriods[level] + 1;
      if (boundary + kSlots <= last) boundary = last - kSlots + 1;
      for (; boundary <= last; ++boundary) {
        Slot& slot = entry->slots[level][boundary % kSlots];
        slot.in_use.store(Clamped(allocations > frees ? allocations - frees : 0), std::memory_order_relaxed);
        slot.frees.store(static_cast<uint32_t>(frees), std::memory_order_relaxed);
      }
    }
    // release: the slots before the tick.
    entry->tick.store(static_cast<uint32_t>(tick), std::memory_order_release);
  } else {
    lost_.fetch_add(1, std::memory_order_relaxed);
  }
  // release: the note before the tick, by which another thread knows that it need not make one and counts on.
  bucket->tick.store(static_cast<uint16_t>(tick), std::memory_order_release);
  // The note before the counts that the caller changes now.
  std::atomic_thread_fence(std::memory_order_release);
}

HeapGrowth::Window HeapGrowth::Look(int64_t now) const {
  Window window = {};
  // acquire: the numbers before the tick.
  const uint64_t known = tick_.load(std::memory_order_acquire);
  uint64_t tick = TickAt(now);
  if (tick < known) tick = known;
  for (int level = 0; level < kLevels; ++level) {
    const uint64_t period = kPeriods[level], last = tick / period;
    const uint64_t boundary = last > 2 ? last - 2 : 0;
    window.boundary[level] = boundary;
    window.buckets[level] = boundary > known / period
                                ? table_->count()
                                : buckets_at_[level][boundary % kSlots].load(std::memory_order_relaxed);
    const int64_t time =
        origin_.load(std::memory_order_relaxed) + static_cast<int64_t>(boundary * period) * kTickNanos;
    const int64_t start = start_.load(std::memory_order_relaxed);
    window.from_start[level] = boundary * period <= first_tick_.load(std::memory_order_relaxed);
    window.nanos[level] = now - (window.from_start[level] ? start : time);
  }
  return window;
}

HeapGrowth::Past HeapGrowth::At(const Window& window, int level, uint32_t id, Past now) const {
  const uint64_t boundary = window.boundary[level];
  if (id > window.buckets[level]) return {0, 0};
  const Entry* entry = entries_.Find(id);
  if (entry == nullptr) return now;
  // acquire: the slots before the tick.
  const uint64_t noted = entry->tick.load(std::memory_order_acquire);
  if (noted == 0 || boundary > noted / kPeriods[level]) return now;
  const Slot& slot = entry->slots[level][boundary % kSlots];
  return {slot.in_use.load(std::memory_order_relaxed), slot.frees.load(std::memory_order_relaxed)};
}

bool HeapGrowth::LockForFork() {
  if (!lock_.LockForFork()) return false;
  // Without memory the child does what it can: its notes are lost, and counted.
  if (table_ != nullptr && table_->count() != 0) entries_.Reserve(1, table_->count());
  return true;
}

void HeapGrowth::UnlockAfterFork(bool in_child, int64_t now) {
  lock_.UnlockAfterFork(in_child);
  // Held still: the code that this thread's handler interrupted is at it. Then the child goes on with the
  // parent's boundaries.
  if (!in_child || table_ == nullptr || !lock_.TryLock()) return;
  JumpFrom(now);
  lock_.Unlock();
}

void HeapGrowth::JumpFrom(int64_t now) {
  AdvanceTo(TickAt(now));
  // To the next multiple of the longest period, and so far on that all that is kept lies before every
  // boundary.
  constexpr uint64_t kLongest = kPeriods[kLevels - 1];
  const uint64_t before = tick_.load(std::memory_order_relaxed);
  const uint64_t tick = (before / kLongest + kSlots + 2) * kLongest;
  origin_.store(now - static_cast<int64_t>(tick) * kTickNanos, std::memory_order_relaxed);
  AdvanceTo(tick);
  first_tick_.store(tick, std::memory_order_relaxed);
  start_.store(now, std::memory_order_relaxed);
}

}  // namespace heapprof
