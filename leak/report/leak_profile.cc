// SPDX-License-Identifier: Apache-2.0
#include "leak/report/leak_profile.h"

#include <errno.h>

#include "base/system/raw_syscall.h"
#include "profiles/write/heap_proto.h"
#include "profiles/write/heap_source.h"
#include "proto/descriptor_sink.h"

namespace heapprof::leak {
namespace {

// The recorder's tables, but the findings are the buckets.
class LeakTables final : public RecorderTables {
 public:
  explicit LeakTables(const Findings& findings)
      : count_(static_cast<uint32_t>(findings.count())),
        buckets_(static_cast<Bucket*>(RawMap(count_ * sizeof(Bucket)))) {
    for (uint32_t i = 0; i < (buckets_ != nullptr ? count_ : 0); ++i) {
      const Bucket& of = *HeapBuckets().At(findings.at(i).bucket);
      Bucket& bucket = buckets_[i];
      bucket.key_hash = of.key_hash;
      bucket.size = of.size;
      bucket.interval = of.interval;
      bucket.stack = of.stack;
      bucket.labels = of.labels;
      bucket.allocations.store(findings.at(i).blocks, std::memory_order_relaxed);
    }
  }
  ~LeakTables() {
    if (buckets_ != nullptr) RawUnmap(buckets_, count_ * sizeof(Bucket));
  }
  LeakTables(const LeakTables&) = delete;
  LeakTables& operator=(const LeakTables&) = delete;

  bool ok() const { return buckets_ != nullptr; }
  uint32_t BucketCount() const override { return count_; }
  const Bucket* BucketAt(uint32_t id) const override { return &buckets_[id - 1]; }

 private:
  uint32_t count_;
  Bucket* buckets_;
};

}  // namespace

int WriteLeakProfile(const Findings& findings, int fd) {
  LeakTables tables(findings);
  auto* workspace = static_cast<HeapProtoWorkspace*>(RawMap(sizeof(HeapProtoWorkspace)));
  int error = -ENOMEM;
  if (tables.ok() && workspace != nullptr) {
    DescriptorSink sink(fd);
    error = WriteHeapProtoFrom(tables, HeapProfileKind::kHeap, &sink, workspace);
  }
  if (workspace != nullptr) RawUnmap(workspace, sizeof(HeapProtoWorkspace));
  return error;
}

}  // namespace heapprof::leak
