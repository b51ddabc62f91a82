// SPDX-License-Identifier: Apache-2.0
// What the two halves of the recorder share: recorder.cc, which decides, and recording.cc, which records.
//
// Nobody else includes it. Thread-safety, signal-safety: the tables' own. Allocates: never.
#ifndef HEAPPROF_SAMPLING_RECORDER_TABLES_H_
#define HEAPPROF_SAMPLING_RECORDER_TABLES_H_

#include <stdint.h>

#include <atomic>

#include "sampling/heap/heap_tables.h"
#include "sampling/recorder.h"

namespace heapprof::recorder {

extern BucketTable g_buckets;
extern LiveTable g_live;
extern HeapPeak g_peak;
extern HeapGrowth g_growth;
extern HeapLifetimes g_lifetimes;

// Of the leak check's scopes: the blocks born since a scope began are those of its epoch or a later one.
extern std::atomic<uint32_t> g_leak_epoch;
// No block went unrecorded.
extern std::atomic<bool> g_exact;
extern std::atomic<uint64_t> g_lost_samples, g_truncated_stacks;

extern const Recording kPlain, kWithLifetimes;

}  // namespace heapprof::recorder

#endif  // HEAPPROF_SAMPLING_RECORDER_TABLES_H_
