// SPDX-License-Identifier: Apache-2.0
#include "tests/profiles/fake_tables.h"

#include <algorithm>

namespace heapprof {

StackView FakeTables::StackAt(uint32_t id) const {
  if (id == kOverflowStack) return {nullptr, 0, Truncation::kNone};
  const Stack& stack = stacks_.at(id - 1);
  return {stack.locations.data(), static_cast<uint32_t>(stack.locations.size()), stack.truncated};
}

uint32_t FakeTables::AddLocation(uint64_t return_address) {
  locations_.push_back(return_address);
  return static_cast<uint32_t>(locations_.size());
}

uint32_t FakeTables::AddStackOfIds(const std::vector<uint32_t>& ids, Truncation::Kind truncated) {
  stacks_.push_back({ids, truncated});
  return static_cast<uint32_t>(stacks_.size());
}

uint32_t FakeTables::AddStack(const std::vector<uint64_t>& return_addresses, Truncation::Kind truncated) {
  std::vector<uint32_t> ids;
  for (uint64_t address : return_addresses) {
    auto found = std::find(locations_.begin(), locations_.end(), address);
    ids.push_back(found != locations_.end() ? static_cast<uint32_t>(found - locations_.begin()) + 1
                                            : AddLocation(address));
  }
  return AddStackOfIds(ids, truncated);
}

void FakeTables::AddBucket(uint32_t stack, uint64_t size, uint64_t interval, uint64_t allocations,
                           uint64_t frees, uint64_t hash) {
  Bucket& bucket = buckets_.emplace_back();
  bucket.key_hash = hash;
  bucket.size = size;
  bucket.interval = interval;
  bucket.stack = stack;
  bucket.labels = 0;
  bucket.allocations = allocations;
  bucket.frees = frees;
  by_id_.push_back(&bucket);
}

void FakeTables::AddUnfinishedBucket() { by_id_.push_back(nullptr); }

}  // namespace heapprof
