// SPDX-License-Identifier: Apache-2.0
#include "profiles/dump_triggers.h"

#include "base/cgroup_limits.h"
#include "base/constinit.h"
#include "base/option_text.h"
#include "base/options.h"
#include "base/system/coarse_clock.h"
#include "base/system/float_environment.h"
#include "profiles/dump.h"
#include "profiles/write/scaling.h"
#include "sampling/heap/heap_tables.h"

namespace heapprof {

HP_CONSTINIT DumpTriggers g_dump_triggers;

namespace {

// True for one of the threads that find `now` at or beyond `next`, which is then `step` beyond `now`.
bool Passes(std::atomic<uint64_t>* next, uint64_t now, uint64_t step) {
  uint64_t due = next->load(std::memory_order_relaxed);
  return now >= due && next->compare_exchange_strong(due, now + step, std::memory_order_relaxed);
}

uint64_t BytesOf(size_t size, uint64_t interval) {
  if (interval <= 1) return size;
  OwnFloatEnvironment environment;
  const double weight = SampleWeight(Pinned(size), Pinned(interval));
  return Pinned(static_cast<uint64_t>(weight * static_cast<double>(size)));
}

uint64_t NotNegative(int64_t value) { return value > 0 ? static_cast<uint64_t>(value) : 0; }
uint64_t Now() { return NotNegative(CoarseMonotonicNanos()); }
uint64_t Highest() { return NotNegative(PeakOfHeap().HighestBytes()); }

// What is about to be resident: a program that touches the block at once may be killed at that.
uint64_t ResidentWith(size_t size) {
  uint64_t soon;
  return __builtin_add_overflow(ResidentBytes(), uint64_t{size}, &soon) ? UINT64_MAX : soon;
}

}  // namespace

// Where it is due is set before the option, so that nobody sees the new one with the old time.
void DumpTriggers::SetEvery(uint64_t nanos) {
  next_time_.store(Now() + nanos, std::memory_order_relaxed);
  every_.store(nanos, std::memory_order_release);
  NoteWhetherAnyIsSet();
}

void DumpTriggers::SetEveryAllocated(uint64_t bytes) {
  next_allocated_.store(allocated_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  every_allocated_.store(bytes, std::memory_order_release);
  NoteWhetherAnyIsSet();
}

void DumpTriggers::SetOnGrowth(uint64_t bytes) {
  next_growth_.store(Highest() + bytes, std::memory_order_relaxed);
  on_growth_.store(bytes, std::memory_order_release);
  NoteWhetherAnyIsSet();
}

void DumpTriggers::SetAtMemory(uint64_t bytes, uint32_t percent) {
  constexpr uint64_t kWhole = 100;
  percent_.store(percent, std::memory_order_relaxed);
  is_above_.store(false, std::memory_order_relaxed);
  threshold_.store(percent == 0 ? bytes : MemoryLimit() / kWhole * percent, std::memory_order_relaxed);
  NoteWhetherAnyIsSet();
}

void DumpTriggers::SetAll(const Options& options) {
  SetEvery(options.dump_every);
  SetEveryAllocated(options.dump_every_allocated);
  SetOnGrowth(options.dump_on_growth);
  SetAtMemory(options.dump_at_memory, options.dump_at_memory_percent);
}

void DumpTriggers::SetListener(void (*look)(size_t size, uint64_t interval)) {
  listener_.store(look, std::memory_order_release);
  NoteWhetherAnyIsSet();
}

void DumpTriggers::Tell(size_t size, uint64_t interval) const {
  // acquire: what the listener was set up with.
  if (auto look = listener_.load(std::memory_order_acquire)) look(size, interval);
}

void DumpTriggers::NoteWhetherAnyIsSet() {
  const bool any = every() != 0 || every_allocated() != 0 || on_growth() != 0 || MemoryThreshold() != 0 ||
                   listener_.load(std::memory_order_relaxed) != nullptr;
  is_any_set_.store(any, std::memory_order_release);
}

void DumpTriggers::PutAtMemory(TextWriter* text) const {
  const uint32_t percent = percent_.load(std::memory_order_relaxed);
  if (percent == 0) return PutSize(MemoryThreshold(), text);
  text->UDec(percent).Char('%');
}

// True for the first thread that finds it at the threshold.
bool DumpTriggers::Crosses(size_t size) {
  const uint64_t threshold = MemoryThreshold(), soon = ResidentWith(size);
  if (soon >= threshold) return !is_above_.exchange(true, std::memory_order_relaxed);
  constexpr uint64_t kTenth = 10;
  if (soon < threshold - threshold / kTenth) is_above_.store(false, std::memory_order_relaxed);
  return false;
}

// The kernel is asked each time that so many bytes have been allocated only: at interval 1 that costs more
// than a block.
bool DumpTriggers::IsMemoryDue(size_t size, uint64_t bytes) {
  constexpr uint64_t kEach = 256 << 10;
  if (not_looked_at_.fetch_add(bytes, std::memory_order_relaxed) + bytes < kEach) return false;
  not_looked_at_.store(0, std::memory_order_relaxed);
  return Crosses(size);
}

bool DumpTriggers::IsDue(size_t size, uint64_t interval) {
  bool due = false;
  const uint64_t bytes = BytesOf(size, interval);
  if (MemoryThreshold() != 0) due = IsMemoryDue(size, bytes);
  // acquire: where it is due, which was set before it.
  if (const uint64_t step = every_allocated_.load(std::memory_order_acquire); step != 0) {
    const uint64_t sum = allocated_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    due |= Passes(&next_allocated_, sum, step);
  }
  if (const uint64_t step = on_growth_.load(std::memory_order_acquire); step != 0) {
    due |= Passes(&next_growth_, Highest(), step);
  }
  if (const uint64_t step = every_.load(std::memory_order_acquire); step != 0) {
    due |= Passes(&next_time_, Now(), step);
  }
  return due;
}

bool DumpTriggers::IsDueAfterRefusal(size_t size) {
  // No machine has so much: a program that asks for it asks what malloc does then.
  constexpr size_t kMax = size_t{1} << 47;
  // Memory has not risen, so nothing tells when the next refusal is another. A program that looks for the
  // largest block that it can have is refused many.
  constexpr uint64_t kApart = 10'000'000'000;
  const uint64_t threshold = MemoryThreshold();
  return threshold != 0 && size < kMax && !is_above_.load(std::memory_order_relaxed) &&
         ResidentWith(size) >= threshold && Passes(&next_refusal_, Now(), kApart);
}

void DumpTriggers::RestartGrowth() { next_growth_.store(Highest() + on_growth(), std::memory_order_relaxed); }

void DumpTriggers::Restart() {
  allocated_.store(0, std::memory_order_relaxed);
  next_allocated_.store(every_allocated(), std::memory_order_relaxed);
  next_time_.store(Now() + every(), std::memory_order_relaxed);
  next_refusal_.store(0, std::memory_order_relaxed);
  RestartGrowth();
}

void LookAtDumpTriggersNow(size_t size, uint64_t interval) {
  if (g_dump_triggers.IsDue(size, interval)) DumpOnTrigger();
  g_dump_triggers.Tell(size, interval);
}

void LookAtRefusalNow(size_t size) {
  if (g_dump_triggers.IsDueAfterRefusal(size)) DumpOnTrigger();
}

}  // namespace heapprof
