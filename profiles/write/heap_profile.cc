// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/heap_profile.h"

#include <errno.h>

#include "base/system/raw_syscall.h"
#include "profiles/write/heap_proto.h"
#include "profiles/write/heap_source.h"
#include "profiles/write/text_profile.h"
#include "proto/descriptor_sink.h"
#include "sampling/recorder.h"

namespace heapprof {
namespace {

constexpr HeapSource kRecorderTables = {[] { return HeapBuckets().count(); },
                                        [](uint32_t id) -> const Bucket* { return HeapBuckets().At(id); },
                                        [](uint32_t stack) { return HeapStacks().At(stack); },
                                        [] { return HeapStacks().location_count(); },
                                        [](uint32_t id) { return HeapStacks().ReturnAddress(id); },
                                        GetTableStats,
                                        recorder::Interval};

// One form is written at a time.
union Workspace {
  HeapProtoWorkspace proto;
  HeapTextWorkspace text;
};
static_assert(sizeof(Workspace) <= 2 << 20, "the bound that the header promises");
static_assert(alignof(Workspace) <= 64, "the alignment that the header asks for");

// What was in use at the peak, in mapped memory.
class PeakReading {
 public:
  PeakReading() = default;
  ~PeakReading() {
    if (in_use_ != nullptr) RawUnmap(in_use_, bytes_);
  }
  PeakReading(const PeakReading&) = delete;
  PeakReading& operator=(const PeakReading&) = delete;

  // 0 or -ENOMEM.
  int Read() {
    const HeapPeak& peak = PeakOfHeap();
    const uint32_t buckets = HeapBuckets().count();
    bytes_ = sizeof(uint32_t) * (size_t{buckets} + 1);
    in_use_ = static_cast<uint32_t*>(RawMap(bytes_));
    if (in_use_ == nullptr) return -ENOMEM;
    // Of one peak, unless the program goes from peak to peak faster than they can be read: then, as in a heap
    // profile, buckets are of moments that differ.
    constexpr int kTries = 8;
    for (int i = 0; i < kTries; ++i) {
      const uint32_t epoch = peak.epoch();
      counts_ = {in_use_, buckets, peak.TimeNanos(), peak.SinceNanos()};
      for (uint32_t id = 1; id <= buckets; ++id)
        in_use_[id - 1] = peak.InUseAtPeak(*HeapBuckets().At(id), epoch);
      if (peak.epoch() == epoch) break;
    }
    return 0;
  }
  const PeakCounts* counts() const { return &counts_; }

 private:
  uint32_t* in_use_ = nullptr;
  size_t bytes_ = 0;
  PeakCounts counts_ = {};
};

// Calls write(source) for the tables as `kind` sees them.
template <typename Write>
int WithSource(HeapProfileKind kind, Write write) {
  HeapSource source = kRecorderTables;
  PeakReading reading;
  if (kind == HeapProfileKind::kPeak) {
    if (int error = reading.Read()) return error;
    source.peak = reading.counts();
  }
  return write(source);
}

}  // namespace

const HeapSource& RecorderTables() { return kRecorderTables; }

size_t HeapProfileWorkspaceSize() { return sizeof(Workspace); }

int WriteHeapProto(HeapProfileKind kind, int fd, void* workspace) {
  DescriptorSink sink(fd);
  return WithSource(kind, [&](const HeapSource& source) {
    return WriteHeapProtoFrom(source, kind, &sink, &static_cast<Workspace*>(workspace)->proto);
  });
}

int WriteIntervalProto(const EarlierCounts& earlier, int fd, void* workspace) {
  DescriptorSink sink(fd);
  HeapSource source = kRecorderTables;
  source.earlier = &earlier;
  return WriteHeapProtoFrom(source, HeapProfileKind::kAllocs, &sink,
                            &static_cast<Workspace*>(workspace)->proto);
}

// Heap and allocs have one text form: it carries all four values, and no default among them.
int WriteHeapText(HeapProfileKind kind, int fd, void* workspace, bool in_handler) {
  DescriptorSink sink(fd);
  return WithSource(kind, [&](const HeapSource& source) {
    return WriteHeapTextFrom(source, &sink, &static_cast<Workspace*>(workspace)->text, in_handler);
  });
}

}  // namespace heapprof
