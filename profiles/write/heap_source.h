// SPDX-License-Identifier: Apache-2.0
// What a heap profile is written from: the recorder's tables, or, in a test, tables made up for it.
//
// The rules of sampling/heap/heap_tables.h hold for all of them: ids begin at 1, tables only grow, a bucket
// that is not filled in yet is nullptr.
//
// Thread-safety and signal-safety: the recorder's tables have both. Allocates: never.
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

// What was allocated since a moment, and what of that is in use: a text profile then tells of those blocks
// alone, as peers have it after they were reset or started.
struct SinceCounts {
  const uint64_t* allocations;  // of the buckets 1..buckets at that moment, at [id - 1]
  uint32_t buckets;
  const uint32_t* in_use;  // samples now, of the buckets 1..in_use_buckets, at [id - 1]
  uint32_t in_use_buckets;
};

// What had been counted at two moments: a profile then tells the difference.
struct CountsAtMoment {
  const SampleCounts* counts;  // of the buckets 1..buckets, at [id - 1]
  uint32_t buckets;
  int64_t time_nanos;  // since the epoch

  SampleCounts At(uint32_t id) const { return id <= buckets ? counts[id - 1] : SampleCounts{0, 0}; }
};
struct DeltaCounts {
  CountsAtMoment before, after;
  bool in_use_as_it_is;  // what is in use at the later moment, in place of the difference
};

struct GrowthCounts;    // growth_values.h
struct LifetimeCounts;  // lifetime_values.h

class HeapSource {
 public:
  virtual uint32_t BucketCount() const = 0;
  virtual const Bucket* BucketAt(uint32_t id) const = 0;
  virtual StackView StackAt(uint32_t stack) const = 0;
  virtual uint32_t LocationCount() const = 0;
  virtual uint64_t ReturnAddress(uint32_t location) const = 0;
  virtual TableStats Stats() const = 0;
  virtual uint64_t Interval() const = 0;  // the mean interval now in force; 0 = off
  // At most one of these; nullptr: the profile tells of now.
  virtual const EarlierCounts* Earlier() const { return nullptr; }
  virtual const PeakCounts* Peak() const { return nullptr; }
  virtual const GrowthCounts* Growth() const { return nullptr; }
  virtual const SinceCounts* Since() const { return nullptr; }
  virtual const LifetimeCounts* Lifetimes() const { return nullptr; }
  virtual const DeltaCounts* Delta() const { return nullptr; }

 protected:
  // Sources live on the stack of who writes, and are never deleted through this base.
  ~HeapSource() = default;
};

// The recorder's tables, as they are now.
class RecorderTables : public HeapSource {
 public:
  uint32_t BucketCount() const override;
  const Bucket* BucketAt(uint32_t id) const override;
  StackView StackAt(uint32_t stack) const override;
  uint32_t LocationCount() const override;
  uint64_t ReturnAddress(uint32_t location) const override;
  TableStats Stats() const override;
  uint64_t Interval() const override;
};

// The names of the frames that stand for what is not known.
inline constexpr char kOverflowFrame[] = "[heapprof: metadata limit reached]";
inline constexpr char kTruncatedFrame[] = "[truncated]";
inline constexpr char kBareCodeFrame[] = "[truncated: code without unwind tables]";
inline const char* TruncatedFrame(Truncation::Kind why) {
  return why == Truncation::kInBareCode ? kBareCodeFrame : kTruncatedFrame;
}

// Both counters of a bucket as of one moment, as far as that can be had without a lock.
inline SampleCounts ReadCounts(const Bucket& bucket) {
  // acquire: frees first, so that the allocations read after them include those that were freed.
  uint64_t frees = bucket.frees.load(std::memory_order_acquire);
  uint64_t allocations = bucket.allocations.load(std::memory_order_relaxed);
  return {allocations, frees < allocations ? frees : allocations};
}

// The counts that a profile of `source` has of a bucket.
inline SampleCounts CountsOf(const HeapSource& source, uint32_t id, const Bucket& bucket) {
  if (const SinceCounts* since = source.Since()) {
    const uint64_t before = id <= since->buckets ? since->allocations[id - 1] : 0;
    const uint64_t allocations = bucket.allocations.load(std::memory_order_relaxed) - before;
    const uint64_t in_use = id <= since->in_use_buckets ? since->in_use[id - 1] : 0;
    return {allocations, allocations > in_use ? allocations - in_use : 0};
  }
  const PeakCounts* peak = source.Peak();
  if (peak == nullptr) return ReadCounts(bucket);
  return {id <= peak->buckets ? peak->in_use[id - 1] : 0, 0};
}

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_HEAP_SOURCE_H_
