// SPDX-License-Identifier: Apache-2.0
#include "profiles/dump_triggers.h"

#include "base/memory_limit.h"
#include "base/options.h"
#include "base/system/coarse_clock.h"
#include "base/system/float_environment.h"
#include "profiles/dump.h"
#include "profiles/write/scaling.h"
#include "sampling/heap/heap_tables.h"

namespace heapprof {

std::atomic<bool> g_has_dump_triggers{false};

namespace {

std::atomic<uint64_t> g_allocated{0};
// Where each is due: bytes allocated, bytes in use, nanoseconds.
std::atomic<uint64_t> g_next_allocated{0}, g_next_growth{0}, g_next_time{0};
// Resident memory at which there is a dump; 0: at none.
std::atomic<uint64_t> g_threshold{0};
std::atomic<bool> g_is_above{false};
std::atomic<uint64_t> g_not_looked_at{0};  // bytes allocated since resident memory was asked for

// True for one of the threads that find `now` at or beyond `next`, which is then `step` beyond `now`.
bool Passes(std::atomic<uint64_t>* next, uint64_t now, uint64_t step) {
  uint64_t due = next->load(std::memory_order_relaxed);
  return step != 0 && now >= due && next->compare_exchange_strong(due, now + step, std::memory_order_relaxed);
}

uint64_t BytesOf(size_t size, uint64_t interval) {
  if (interval <= 1) return size;
  OwnFloatEnvironment environment;
  const double weight = SampleWeight(Pinned(size), Pinned(interval));
  return Pinned(static_cast<uint64_t>(weight * static_cast<double>(size)));
}

// What is about to be resident: a program that touches the block at once may be killed at that. True for
// the first thread that finds it at the threshold.
bool CrossesThreshold(size_t size) {
  const uint64_t threshold = DumpMemoryThreshold();
  uint64_t soon;
  if (__builtin_add_overflow(ResidentBytes(), uint64_t{size}, &soon)) soon = UINT64_MAX;
  if (soon >= threshold) return !g_is_above.exchange(true, std::memory_order_relaxed);
  constexpr uint64_t kTenth = 10;
  if (soon < threshold - threshold / kTenth) g_is_above.store(false, std::memory_order_relaxed);
  return false;
}

// The kernel is asked each time that so many bytes have been allocated only: at interval 1 that costs more
// than a block.
bool LookAtMemory(size_t size, uint64_t bytes) {
  constexpr uint64_t kEach = 256 << 10;
  if (g_not_looked_at.fetch_add(bytes, std::memory_order_relaxed) + bytes < kEach) return false;
  g_not_looked_at.store(0, std::memory_order_relaxed);
  return CrossesThreshold(size);
}

uint64_t ThresholdOf(const Options& options) {
  if (options.dump_at_memory_percent == 0) return options.dump_at_memory;
  constexpr uint64_t kWhole = 100;
  return MemoryLimit() / kWhole * options.dump_at_memory_percent;
}

void Begin(uint64_t in_use) {
  const Options& options = GetOptions();
  g_allocated.store(0, std::memory_order_relaxed);
  g_next_allocated.store(options.dump_every_allocated, std::memory_order_relaxed);
  g_next_growth.store(in_use + options.dump_on_growth, std::memory_order_relaxed);
  g_next_time.store(static_cast<uint64_t>(CoarseMonotonicNanos()) + options.dump_every,
                    std::memory_order_relaxed);
}

}  // namespace

void InstallDumpTriggers() {
  const Options& options = GetOptions();
  Begin(0);
  g_threshold.store(ThresholdOf(options), std::memory_order_relaxed);
  g_has_dump_triggers.store(options.dump_every != 0 || options.dump_every_allocated != 0 ||
                                options.dump_on_growth != 0 || DumpMemoryThreshold() != 0,
                            std::memory_order_release);
}

void LookAtDumpTriggersNow(size_t size, uint64_t interval) {
  const Options& options = GetOptions();
  bool due = false;
  const uint64_t bytes = BytesOf(size, interval);
  if (DumpMemoryThreshold() != 0) due = LookAtMemory(size, bytes);
  if (options.dump_every_allocated != 0) {
    const uint64_t sum = g_allocated.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    due |= Passes(&g_next_allocated, sum, options.dump_every_allocated);
  }
  if (options.dump_on_growth != 0) {
    const int64_t highest = PeakOfHeap().HighestBytes();
    due |= Passes(&g_next_growth, static_cast<uint64_t>(highest > 0 ? highest : 0), options.dump_on_growth);
  }
  if (options.dump_every != 0) {
    due |= Passes(&g_next_time, static_cast<uint64_t>(CoarseMonotonicNanos()), options.dump_every);
  }
  if (due) DumpOnTrigger();
}

void LookAtFailureNow(size_t size) {
  // No machine has so much: a program that asks for it asks what malloc does then.
  constexpr size_t kMax = size_t{1} << 47;
  if (DumpMemoryThreshold() != 0 && size < kMax && CrossesThreshold(size)) DumpOnTrigger();
}

uint64_t DumpMemoryThreshold() { return g_threshold.load(std::memory_order_relaxed); }

void DumpTriggersAfterForkInChild() {
  const int64_t in_use = PeakOfHeap().InUseBytes();
  Begin(static_cast<uint64_t>(in_use > 0 ? in_use : 0));
}

}  // namespace heapprof
