// SPDX-License-Identifier: Apache-2.0
// The C functions by which a program reads its own heap profile: snapshots and intervals.
#include <errno.h>
#include <stddef.h>

#include "base/limits.h"
#include "base/memory/arena.h"
#include "base/system/raw_syscall.h"
#include "heapprof/heapprof.h"
#include "profiles/dump.h"
#include "profiles/write/heap_source.h"

#define HEAPPROF_API __attribute__((visibility("default")))

// Lies at the start of its own mapping, before the counts.
struct heapprof_interval {
  heapprof::EarlierCounts earlier;
  size_t mapped;
};

namespace {

using heapprof::Bucket;
using heapprof::HeapEstimate;
using heapprof::SampleCounts;

void FillStack(const Bucket& bucket, uintptr_t* pcs, heapprof_bucket* out) {
  out->stack = pcs;
  if (bucket.stack == heapprof::kOverflowStack) return;
  heapprof::StackView stack = heapprof::HeapStacks().At(bucket.stack);
  out->depth = stack.depth < heapprof::kMaxStackFrames ? stack.depth : heapprof::kMaxStackFrames;
  out->truncated = stack.truncated ? 1 : 0;
  for (size_t i = 0; i < out->depth; ++i) pcs[i] = heapprof::HeapStacks().ReturnAddress(stack.locations[i]);
}

void FillNumbers(const Bucket& bucket, const SampleCounts& counts, heapprof_bucket* out) {
  HeapEstimate estimate =
      heapprof::Estimate(counts, bucket.size, bucket.interval, heapprof::RoundingOffset(bucket.key_hash));
  out->labels = bucket.labels;
  out->allocation_size = bucket.size;
  out->interval = bucket.interval;
  out->sampled_allocations = counts.allocations;
  out->sampled_frees = counts.frees;
  out->alloc_objects = estimate.alloc_objects;
  out->alloc_bytes = estimate.alloc_bytes;
  out->inuse_objects = estimate.inuse_objects;
  out->inuse_bytes = estimate.inuse_bytes;
}

}  // namespace

extern "C" {

HEAPPROF_API int heapprof_snapshot(heapprof_bucket_visitor visit, void* argument, unsigned flags) {
  if (visit == nullptr || (flags & ~HEAPPROF_SNAPSHOT_IN_USE) != 0) return -EINVAL;
  uintptr_t pcs[heapprof::kMaxStackFrames];
  uint32_t buckets = heapprof::HeapBuckets().count();
  for (uint32_t id = 1; id <= buckets; ++id) {
    const Bucket* bucket = heapprof::HeapBuckets().At(id);
    if (bucket == nullptr) continue;
    SampleCounts counts = heapprof::ReadCounts(*bucket);
    const bool in_use = counts.frees < counts.allocations;
    if (counts.allocations == 0 || ((flags & HEAPPROF_SNAPSHOT_IN_USE) != 0 && !in_use)) continue;
    heapprof_bucket now = {};
    now.size = sizeof(now);
    FillStack(*bucket, pcs, &now);
    FillNumbers(*bucket, counts, &now);
    int result = visit(argument, &now);
    if (result != 0) return result;
  }
  return 0;
}

HEAPPROF_API heapprof_interval* heapprof_interval_begin(void) {
  uint32_t buckets = heapprof::HeapBuckets().count();
  size_t size = sizeof(heapprof_interval) + buckets * sizeof(uint64_t);
  auto* interval = static_cast<heapprof_interval*>(heapprof::MapMetadata(size));
  if (interval == nullptr) {
    errno = ENOMEM;
    return nullptr;
  }
  auto* counts = reinterpret_cast<uint64_t*>(interval + 1);
  for (uint32_t id = 1; id <= buckets; ++id) {
    const Bucket* bucket = heapprof::HeapBuckets().At(id);
    counts[id - 1] = bucket == nullptr ? 0 : bucket->allocations.load(std::memory_order_relaxed);
  }
  *interval = {{counts, buckets, heapprof::RawRealtimeNanos()}, size};
  return interval;
}

HEAPPROF_API int heapprof_interval_end(heapprof_interval* interval, int fd) {
  if (interval == nullptr) return -EINVAL;
  int result = fd == -1 ? 0 : heapprof::WriteInterval(interval->earlier, fd);
  heapprof::UnmapMetadata(interval, interval->mapped);
  return result;
}

}  // extern "C"
