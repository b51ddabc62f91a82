// SPDX-License-Identifier: Apache-2.0
// What has been sampled in this process: the tables that the recorder holds, as a reader (a dump) sees them.
//
// They are append-only and never freed, so that a reader walks them at any time, from a signal handler that
// interrupted a writer too. Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_HEAP_HEAP_TABLES_H_
#define HEAPPROF_SAMPLING_HEAP_HEAP_TABLES_H_

#include <stdint.h>

#include "sampling/heap/bucket_table.h"
#include "sampling/heap/heap_growth.h"
#include "sampling/heap/heap_lifetimes.h"
#include "sampling/heap/heap_peak.h"
#include "sampling/heap/live_table.h"
#include "sampling/heap/stack_table.h"

namespace heapprof {

// Defined by the recorder, which alone adds to them.
BucketTable& HeapBuckets();
LiveTable& LiveSamples();
HeapPeak& PeakOfHeap();
HeapGrowth& GrowthOfHeap();
HeapLifetimes& LifetimesOfHeap();
inline const StackTable& HeapStacks() { return HeapBuckets().stacks(); }

struct TableStats {
  uint64_t samples, buckets, stacks, live_samples, lost_samples, truncated_stacks, metadata_bytes;
};
TableStats GetTableStats();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_HEAP_TABLES_H_
