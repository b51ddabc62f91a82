// SPDX-License-Identifier: Apache-2.0
// What has been sampled: locations, stacks and buckets, as a reader (a dump) sees them.
//
// All three tables are append-only and are never freed, so that a reader walks them at any time, from a
// signal handler that interrupted a writer too. Writers are in sampling/recorder.
//
//   bucket (stack, size S, interval R, labels) -> stack -> locations, leaf first -> pc
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_HEAP_HEAP_TABLES_H_
#define HEAPPROF_SAMPLING_HEAP_HEAP_TABLES_H_

#include <stdint.h>

#include <atomic>

namespace heapprof {

// A stack as it is stored: ids of locations, the leaf (the caller of malloc) first.
struct StackView {
  const uint32_t* locations;
  uint32_t depth;
  bool truncated;  // the walk ended before the stack's end, max_frames apart
};

// The allocations of S bytes, sampled at mean interval R, of one stack. Both counters only grow; free counts
// are read first, so that a reader never sees more frees than allocations.
struct Bucket {
  uint64_t key_hash;
  std::atomic<uint64_t> stack_hash;  // 0: of no stack that can still occur
  uint64_t size;                     // S, bytes as asked for
  uint64_t interval;                 // R, bytes; 1 = every allocation was taken
  uint32_t stack;                    // for StackAt; kOverflowStack: the metadata limit was reached
  uint32_t labels;                   // 0 = none
  std::atomic<uint64_t> allocations;
  std::atomic<uint64_t> frees;
  std::atomic<uint32_t> next[2];  // the writers' chains; see bucket_table.cc
};

// StackAt of this id is empty: a dump shows such buckets as one frame "[heapprof: metadata limit reached]".
inline constexpr uint32_t kOverflowStack = 0;

// Buckets have the ids 1..BucketCount(). nullptr: that id is not filled in yet (its writer is at work).
uint32_t BucketCount();
const Bucket* BucketAt(uint32_t id);

StackView StackAt(uint32_t stack);

// Locations have the ids 1..LocationCount(). The address of one is a return address.
uint32_t LocationCount();
uint64_t LocationReturnAddress(uint32_t id);

struct TableStats {
  uint64_t samples, buckets, stacks, live_samples, lost_samples, truncated_stacks, metadata_bytes;
};
TableStats GetTableStats();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_HEAP_TABLES_H_
