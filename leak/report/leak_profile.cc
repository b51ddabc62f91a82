// SPDX-License-Identifier: Apache-2.0
#include "leak/report/leak_profile.h"

#include <errno.h>

#include "base/system/raw_syscall.h"
#include "profiles/write/heap_proto.h"
#include "proto/descriptor_sink.h"

namespace heapprof::leak {
namespace {

// The source's functions have no context. One check at a time.
Bucket* g_buckets;
uint32_t g_count;

uint32_t Count() { return g_count; }
const Bucket* At(uint32_t id) { return &g_buckets[id - 1]; }

}  // namespace

int WriteLeakProfile(const Findings& findings, int fd) {
  size_t bytes = findings.count() * sizeof(Bucket);
  g_buckets = static_cast<Bucket*>(RawMap(bytes));
  auto* workspace = static_cast<HeapProtoWorkspace*>(RawMap(sizeof(HeapProtoWorkspace)));
  int error = g_buckets != nullptr && workspace != nullptr ? 0 : -ENOMEM;
  if (error == 0) {
    g_count = static_cast<uint32_t>(findings.count());
    for (uint32_t i = 0; i < g_count; ++i) {
      const Bucket& of = *HeapBuckets().At(findings.at(i).bucket);
      Bucket& bucket = g_buckets[i];
      bucket.key_hash = of.key_hash;
      bucket.stack_hash.store(of.stack_hash.load(std::memory_order_relaxed), std::memory_order_relaxed);
      bucket.size = of.size;
      bucket.interval = of.interval;
      bucket.stack = of.stack;
      bucket.labels = of.labels;
      bucket.allocations.store(findings.at(i).blocks, std::memory_order_relaxed);
    }
    DescriptorSink sink(fd);
    HeapSource source = RecorderTables();
    source.bucket_count = Count;
    source.bucket_at = At;
    error = WriteHeapProtoFrom(source, HeapProfileKind::kHeap, &sink, workspace);
  }
  if (g_buckets != nullptr) RawUnmap(g_buckets, bytes);
  if (workspace != nullptr) RawUnmap(workspace, sizeof(HeapProtoWorkspace));
  return error;
}

}  // namespace heapprof::leak
