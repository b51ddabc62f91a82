// SPDX-License-Identifier: Apache-2.0
// Tables of samples made up by a test, in place of the recorder's.
#ifndef HEAPPROF_TESTS_PROFILES_FAKE_TABLES_H_
#define HEAPPROF_TESTS_PROFILES_FAKE_TABLES_H_

#include <stdint.h>

#include <deque>
#include <vector>

#include "profiles/write/heap_source.h"

namespace heapprof {

class FakeTables final : public HeapSource {
 public:
  // The id of a stack of return addresses, the leaf first.
  uint32_t AddStack(const std::vector<uint64_t>& return_addresses,
                    Truncation::Kind truncated = Truncation::kNone);
  // A stack of location ids that AddLocation gave.
  uint32_t AddStackOfIds(const std::vector<uint32_t>& ids, Truncation::Kind truncated = Truncation::kNone);
  uint32_t AddLocation(uint64_t return_address);
  // `hash` of 0 rounds down.
  void AddBucket(uint32_t stack, uint64_t size, uint64_t interval, uint64_t allocations, uint64_t frees,
                 uint64_t hash = 0);
  // An id whose writer has not finished.
  void AddUnfinishedBucket();

  uint32_t BucketCount() const override { return static_cast<uint32_t>(by_id_.size()); }
  const Bucket* BucketAt(uint32_t id) const override { return by_id_.at(id - 1); }
  StackView StackAt(uint32_t id) const override;
  uint32_t LocationCount() const override { return static_cast<uint32_t>(locations_.size()); }
  uint64_t ReturnAddress(uint32_t location) const override { return locations_.at(location - 1); }
  TableStats Stats() const override { return stats; }
  uint64_t Interval() const override { return interval; }
  const LifetimeCounts* Lifetimes() const override { return lifetimes; }
  const SinceCounts* Since() const override { return since; }

  TableStats stats = {};
  uint64_t interval = 512 << 10;
  const LifetimeCounts* lifetimes = nullptr;
  const SinceCounts* since = nullptr;

 private:
  struct Stack {
    std::vector<uint32_t> locations;
    Truncation::Kind truncated;
  };
  std::deque<Bucket> buckets_;
  std::vector<Bucket*> by_id_;
  std::vector<Stack> stacks_;
  std::vector<uint64_t> locations_;
};

}  // namespace heapprof

#endif  // HEAPPROF_TESTS_PROFILES_FAKE_TABLES_H_
