// SPDX-License-Identifier: Apache-2.0
// What a heap profile is written from: the recorder's tables, or, in a test, tables made up for it.
//
// The rules of sampling/heap/heap_tables.h hold for each of the functions: ids begin at 1, tables only grow,
// a bucket that is not filled in yet is nullptr. Thread-safety and signal-safety: those of the functions; the
// recorder's are both. Allocates: never.
#ifndef HEAPPROF_PROFILES_WRITE_HEAP_SOURCE_H_
#define HEAPPROF_PROFILES_WRITE_HEAP_SOURCE_H_

#include <stdint.h>

#include "profiles/write/scaling.h"
#include "sampling/heap/heap_tables.h"

namespace heapprof {

// What had been counted at an earlier moment: a profile then tells what was allocated since.
struct EarlierCounts {
  const uint64_t* allocations;  // of the buckets 1..buckets, at [id - 1]
  uint32_t buckets;
  int64_t time_nanos;  // since the epoch
};

// What was in use when the heap was at its peak: a profile then tells of that moment.
struct PeakCounts {
  const uint32_t* in_use;  // samples of the buckets 1..buckets, at [id - 1]
  uint32_t buckets;
  int64_t time_nanos, since_nanos;  // as HeapPeak has them
};

struct HeapSource {
  uint32_t (*bucket_count)();
  const Bucket* (*bucket_at)(uint32_t id);
  StackView (*stack_at)(uint32_t stack);
  uint32_t (*location_count)();
  uint64_t (*location_return_address)(uint32_t id);
  TableStats (*stats)();
  uint64_t (*interval)();  // the mean interval now in force; 0 = off
  const EarlierCounts* earlier = nullptr;
  const PeakCounts* peak = nullptr;
};

// The recorder's tables.
const HeapSource& RecorderTables();

// The names of the frames that stand for what is not known.
inline constexpr char kOverflowFrame[] = "[heapprof: metadata limit reached]";
inline constexpr char kTruncatedFrame[] = "[truncated]";

// Both counters of a bucket as of one moment, as far as that can be had without a lock.
inline SampleCounts ReadCounts(const Bucket& bucket) {
  // acquire: frees first, so that the allocations read after them include those that were freed.
  uint64_t frees = bucket.frees.load(std::memory_order_acquire);
  uint64_t allocations = bucket.allocations.load(std::memory_order_relaxed);
  return {allocations, frees < allocations ? frees : allocations};
}

// The counts that a profile of `source` has of a bucket.
inline SampleCounts CountsOf(const HeapSource& source, uint32_t id, const Bucket& bucket) {
  if (source.peak == nullptr) return ReadCounts(bucket);
  return {id <= source.peak->buckets ? source.peak->in_use[id - 1] : 0, 0};
}

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_HEAP_SOURCE_H_
