// SPDX-License-Identifier: Apache-2.0
// Buckets: how often a stack allocated S bytes, and how often such blocks were freed.
//
// Looking a bucket up takes no lock; adding one takes the insertion lock, which also guards the stack table's
// writers. Thread-safety: yes. Signal-safety: reading (heap_tables.h); FindOrAddBucket not inside itself (the
// recorder's guard sees to that). Allocates: mmap only. Lock: kStackInsert.
#ifndef HEAPPROF_SAMPLING_HEAP_BUCKET_TABLE_H_
#define HEAPPROF_SAMPLING_HEAP_BUCKET_TABLE_H_

#include <stdint.h>

#include "sampling/heap/heap_tables.h"
#include "sampling/heap/stack_table.h"

namespace heapprof {

struct BucketKey {
  RawStack stack;
  uint64_t size;
  uint64_t interval;
  uint32_t labels;
};

// The id of the key's bucket. When the metadata limit is reached: the overflow bucket of (size, interval),
// exactly that size for the first of them, rounded up to one of eight steps a doubling for the rest.
// 0: not even that could be had.
uint32_t FindOrAddBucket(const BucketKey& key);

Bucket* MutableBucket(uint32_t id);

// For code that was unmapped from [start, limit): whether recorded stacks refer to it; and that what they
// refer to lies at `to` now. Their buckets keep counting frees, but take no more allocations.
bool HeapHasLocationIn(uint64_t start, uint64_t limit);
void MoveLocations(uint64_t start, uint64_t limit, uint64_t to);

bool LockBucketsForFork();
void UnlockBucketsAfterFork(bool in_child);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_BUCKET_TABLE_H_
