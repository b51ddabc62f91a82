// SPDX-License-Identifier: Apache-2.0
// Writes the profiles `heap` and `allocs` from the tables.
//
// Thread-safety: one writer at a time per workspace (profiles/dump holds the dump lock).
// Signal-safety: WriteHeapProto yes; WriteHeapText with `in_handler`. Allocates: never; all memory is the
// workspace the caller maps, whose size does not depend on the profile's.
#ifndef HEAPPROF_PROFILES_WRITE_HEAP_PROFILE_H_
#define HEAPPROF_PROFILES_WRITE_HEAP_PROFILE_H_

#include <stddef.h>
#include <stdint.h>

#include "proto/byte_sink.h"

namespace heapprof {

class ByteSink;

// Heap and allocs are the same data, with another default sample type; peak is what was in use at the peak,
// growth what changed over the last minute to day (growth_values.h), lifetimes how long blocks lived
// (lifetime_values.h).
enum class HeapProfileKind { kHeap, kAllocs, kPeak, kGrowth, kLifetimes };

// Bytes of workspace that the functions below need; at most 2 MiB. Zeroed memory, 64-byte aligned.
size_t HeapProfileWorkspaceSize();

// gzip'd profile.proto. Returns 0 when the profile is complete, or -errno of the write. kPeak and
// kLifetimes map memory for the call, 4 bytes a bucket and more (sampling/heap/live_ages.h): -ENOMEM.
int WriteHeapProto(HeapProfileKind kind, ByteSink* sink, void* workspace);

// The same of what was allocated since `earlier`.
struct EarlierCounts;
int WriteIntervalProto(const EarlierCounts& earlier, ByteSink* sink, void* workspace);

// The same of the difference of two moments.
struct DeltaCounts;
int WriteDeltaProto(HeapProfileKind kind, const DeltaCounts& delta, ByteSink* sink, void* workspace);

// The legacy text form. `in_handler`: leave out the allocator's statistics, which take its locks.
int WriteHeapText(HeapProfileKind kind, ByteSink* sink, void* workspace, bool in_handler);

// A peer's text form (text_profile.h), of what `since` tells of, or, if it is nullptr, of everything.
// `interval`: what the header of a profile without records says.
struct SinceCounts;
struct TextStyle;
struct PeerText {
  const TextStyle* style;
  const SinceCounts* since;
  uint64_t interval;
};
int WritePeerText(const PeerText& text, ByteSink* sink, void* workspace);

// Set by alloc at start-up: writes the allocator's statistics, calling `write` with pieces of text.
using AllocatorStatsPrinter = void (*)(void (*write)(void* arg, const char* text), void* arg);
extern AllocatorStatsPrinter g_allocator_stats_printer;

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_HEAP_PROFILE_H_
