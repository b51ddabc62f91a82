// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/heap_profile.h"

#include <errno.h>

#include "base/system/coarse_clock.h"
#include "base/system/raw_syscall.h"
#include "profiles/write/growth_values.h"
#include "profiles/write/heap_proto.h"
#include "profiles/write/heap_source.h"
#include "profiles/write/lifetime_values.h"
#include "profiles/write/text_profile.h"
#include "sampling/recorder.h"

namespace heapprof {
namespace {

// One form is written at a time.
union Workspace {
  HeapProtoWorkspace proto;
  HeapTextWorkspace text;
};
static_assert(sizeof(Workspace) <= 2 << 20, "the bound that the header promises");
static_assert(alignof(Workspace) <= 64, "the alignment that the header asks for");

// The recorder's tables since an earlier moment.
class IntervalTables final : public RecorderTables {
 public:
  explicit IntervalTables(const EarlierCounts* earlier) : earlier_(earlier) {}
  const EarlierCounts* Earlier() const override { return earlier_; }

 private:
  const EarlierCounts* earlier_;
};

// The recorder's tables between two moments.
class DeltaTables final : public RecorderTables {
 public:
  explicit DeltaTables(const DeltaCounts* delta) : delta_(delta) {}
  uint32_t BucketCount() const override { return delta_->after.buckets; }
  const DeltaCounts* Delta() const override { return delta_; }

 private:
  const DeltaCounts* delta_;
};

// The recorder's tables with what was in use at the peak, which is read to mapped memory.
class PeakTables final : public RecorderTables {
 public:
  PeakTables() = default;
  ~PeakTables() {
    if (in_use_ != nullptr) RawUnmap(in_use_, bytes_);
  }
  PeakTables(const PeakTables&) = delete;
  PeakTables& operator=(const PeakTables&) = delete;

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
  const PeakCounts* Peak() const override { return &counts_; }

 private:
  uint32_t* in_use_ = nullptr;
  size_t bytes_ = 0;
  PeakCounts counts_ = {};
};

// The recorder's tables since a moment that a peer's call set.
class SinceTables final : public RecorderTables {
 public:
  SinceTables(const SinceCounts* since, uint64_t interval) : since_(since), interval_(interval) {}
  const SinceCounts* Since() const override { return since_; }
  uint64_t Interval() const override { return interval_; }

 private:
  const SinceCounts* since_;
  uint64_t interval_;
};

// The recorder's tables with what there was a while ago.
class GrowthTables final : public RecorderTables {
 public:
  GrowthTables()
      : counts_{GrowthOfHeap().Look(CoarseMonotonicNanos()),
                [](const HeapGrowth::Window& window, int level, uint32_t id, HeapGrowth::Past now) {
                  return GrowthOfHeap().At(window, level, id, now);
                },
                GrowthOfHeap().lost()} {}
  const GrowthCounts* Growth() const override { return &counts_; }

 private:
  GrowthCounts counts_;
};

// The recorder's tables with the lifetimes of what was freed, and the ages of what lives.
class LifetimeTables final : public RecorderTables {
 public:
  // 0 or -ENOMEM.
  int Read() { return live_.Read(LiveSamples(), HeapBuckets().count(), FineMonotonicNanos()); }
  const LifetimeCounts* Lifetimes() const override { return &counts_; }

 private:
  LiveAges live_;
  LifetimeCounts counts_ = {&LifetimesOfHeap(), &live_};
};

// Calls write(source) for the tables as `kind` sees them.
template <typename Write>
int WithSource(HeapProfileKind kind, Write write) {
  if (kind == HeapProfileKind::kGrowth) return write(GrowthTables());
  if (kind == HeapProfileKind::kLifetimes) {
    LifetimeTables tables;
    if (int error = tables.Read()) return error;
    return write(tables);
  }
  if (kind != HeapProfileKind::kPeak) return write(RecorderTables());
  PeakTables tables;
  if (int error = tables.Read()) return error;
  return write(tables);
}

}  // namespace

uint32_t RecorderTables::BucketCount() const { return HeapBuckets().count(); }
const Bucket* RecorderTables::BucketAt(uint32_t id) const { return HeapBuckets().At(id); }
StackView RecorderTables::StackAt(uint32_t stack) const { return HeapStacks().At(stack); }
uint32_t RecorderTables::LocationCount() const { return HeapStacks().location_count(); }
uint64_t RecorderTables::ReturnAddress(uint32_t location) const {
  return HeapStacks().ReturnAddress(location);
}
TableStats RecorderTables::Stats() const { return GetTableStats(); }
uint64_t RecorderTables::Interval() const { return recorder::Interval(); }

size_t HeapProfileWorkspaceSize() { return sizeof(Workspace); }

int WriteHeapProto(HeapProfileKind kind, ByteSink* sink, void* workspace) {
  return WithSource(kind, [&](const HeapSource& source) {
    return WriteHeapProtoFrom(source, kind, sink, &static_cast<Workspace*>(workspace)->proto);
  });
}

int WriteIntervalProto(const EarlierCounts& earlier, ByteSink* sink, void* workspace) {
  return WriteHeapProtoFrom(IntervalTables(&earlier), HeapProfileKind::kAllocs, sink,
                            &static_cast<Workspace*>(workspace)->proto);
}

int WriteDeltaProto(HeapProfileKind kind, const DeltaCounts& delta, ByteSink* sink, void* workspace) {
  return WriteHeapProtoFrom(DeltaTables(&delta), kind, sink, &static_cast<Workspace*>(workspace)->proto);
}

// Heap and allocs have one text form: it carries all four values, and no default among them.
int WriteHeapText(HeapProfileKind kind, ByteSink* sink, void* workspace, bool in_handler) {
  return WithSource(kind, [&](const HeapSource& source) {
    return WriteHeapTextFrom(source, sink, &static_cast<Workspace*>(workspace)->text,
                             {TextForm::kPeople, in_handler});
  });
}

int WritePeerText(const PeerText& text, ByteSink* sink, void* workspace) {
  return WriteHeapTextFrom(SinceTables(text.since, text.interval), sink,
                           &static_cast<Workspace*>(workspace)->text, *text.style);
}

}  // namespace heapprof
