// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/heap_proto.h"

#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/write/growth_values.h"
#include "profiles/write/lifetime_values.h"
#include "profiles/write/process_start.h"
#include "profiles/write/proto_parts.h"

namespace heapprof {
namespace {

constexpr uint64_t kOverflowLocation = 1, kTruncatedLocation = 2, kBareCodeLocation = 3, kFirstLocation = 4;
constexpr uint64_t kOverflowFunction = 1, kTruncatedFunction = 2, kBareCodeFunction = 3;

// The clock may have been set back meanwhile. `since` 0: from the start on, whenever that was.
int64_t Elapsed(int64_t since, int64_t now) { return since != 0 && now > since ? now - since : 0; }

void WriteHeader(const HeapSource& source, HeapProfileKind kind, ProfileBuilder* builder) {
  if (source.Growth() != nullptr || source.Lifetimes() != nullptr) {
    if (source.Growth() != nullptr) AddGrowthTypes(builder);
    if (source.Lifetimes() != nullptr) AddLifetimeTypes(builder);
    builder->SetPeriod("space", "bytes", static_cast<int64_t>(source.Interval()));
    builder->SetDropFrames(kDropFrames);
    return builder->SetTimeNanos(RawRealtimeNanos());
  }
  if (source.Peak() == nullptr) {
    builder->AddSampleType("alloc_objects", "count");
    builder->AddSampleType("alloc_space", "bytes");
  }
  if (source.Earlier() == nullptr) {
    builder->AddSampleType("inuse_objects", "count");
    builder->AddSampleType("inuse_space", "bytes");
  }
  builder->SetPeriod("space", "bytes", static_cast<int64_t>(source.Interval()));
  builder->SetDefaultSampleType(kind == HeapProfileKind::kAllocs ? "alloc_space" : "inuse_space");
  builder->SetDropFrames(kDropFrames);
  if (source.Peak() != nullptr) return builder->SetTimeNanos(source.Peak()->time_nanos);
  if (const DeltaCounts* delta = source.Delta()) {
    builder->SetTimeNanos(delta->after.time_nanos);
    builder->SetDurationNanos(Elapsed(delta->before.time_nanos, delta->after.time_nanos));
    return;
  }
  int64_t now = RawRealtimeNanos();
  if (source.Earlier() == nullptr) return builder->SetTimeNanos(now);
  builder->SetTimeNanos(source.Earlier()->time_nanos);
  builder->SetDurationNanos(Elapsed(source.Earlier()->time_nanos, now));
}

// Its values come next.
void StartSample(const HeapSource& source, const Bucket& bucket, ProfileBuilder* builder) {
  builder->StartSample();
  if (bucket.stack == kOverflowStack) {
    builder->SampleLocations(nullptr, 0, 0, kOverflowLocation);
  } else {
    StackView stack = source.StackAt(bucket.stack);
    bool whole = !stack.truncated && stack.depth <= ProfileBuilder::kMaxSampleLocations;
    const uint64_t last = stack.truncated == Truncation::kInBareCode ? kBareCodeLocation
                          : whole                                    ? 0
                                                                     : kTruncatedLocation;
    builder->SampleLocations(stack.locations, stack.depth, kFirstLocation - 1, last);
  }
}

void EndSample(const Bucket& bucket, ProfileBuilder* builder) {
  builder->SampleLabel("bytes", static_cast<int64_t>(bucket.size), "bytes");
  WriteLabels(bucket.labels, builder);
  builder->EndSample();
}

void WriteSample(const HeapSource& source, const Bucket& bucket, const int64_t* values, size_t count,
                 ProfileBuilder* builder) {
  StartSample(source, bucket, builder);
  builder->SampleValues(values, count);
  EndSample(bucket, builder);
}

void WriteLostLifetimes(const LifetimeCounts& counts, ProfileBuilder* builder) {
  for (const LifetimeSample& sample : LostSamples(counts)) {
    builder->StartSample();
    builder->SampleLocations(nullptr, 0, 0, kOverflowLocation);
    WriteLifetime(sample, builder);
    builder->EndSample();
  }
}

// The difference of what a profile of each moment has, so that readers who subtract two files see the same.
void WriteDelta(const HeapSource& source, uint32_t id, const Bucket& bucket, ProfileBuilder* builder) {
  const DeltaCounts& delta = *source.Delta();
  const SampleCounts before = delta.before.At(id), after = delta.after.At(id);
  if (after.allocations == 0) return;
  const double u = RoundingOffset(bucket.key_hash);
  const HeapEstimate then = Estimate(before, bucket.size, bucket.interval, u);
  const HeapEstimate now = Estimate(after, bucket.size, bucket.interval, u);
  const bool as_is = delta.in_use_as_it_is;
  const int64_t values[] = {now.alloc_objects - then.alloc_objects, now.alloc_bytes - then.alloc_bytes,
                            now.inuse_objects - (as_is ? 0 : then.inuse_objects),
                            now.inuse_bytes - (as_is ? 0 : then.inuse_bytes)};
  if (values[0] == 0 && values[1] == 0 && values[2] == 0 && values[3] == 0) return;
  WriteSample(source, bucket, values, 4, builder);
}

void WriteBucket(const HeapSource& source, uint32_t id, const Bucket& bucket, ProfileBuilder* builder) {
  if (source.Growth() != nullptr) {
    const GrowthValues growth = ValuesOfGrowth(*source.Growth(), id, bucket);
    if (!growth.IsZero()) WriteSample(source, bucket, growth.values, GrowthValues::kCount, builder);
    return;
  }
  if (source.Lifetimes() != nullptr) {
    for (const LifetimeSample& sample : SamplesOf(*source.Lifetimes(), id, bucket)) {
      StartSample(source, bucket, builder);
      WriteLifetime(sample, builder);
      EndSample(bucket, builder);
    }
    return;
  }
  if (source.Delta() != nullptr) return WriteDelta(source, id, bucket, builder);
  SampleCounts counts = CountsOf(source, id, bucket);
  const bool has_earlier = source.Earlier() != nullptr && id <= source.Earlier()->buckets;
  if (has_earlier) counts.allocations -= source.Earlier()->allocations[id - 1];
  if (counts.allocations == 0) return;  // its writer has not counted yet, or it had nothing at the peak
  HeapEstimate e = Estimate(counts, bucket.size, bucket.interval, RoundingOffset(bucket.key_hash));
  const int64_t values[] = {e.alloc_objects, e.alloc_bytes, e.inuse_objects, e.inuse_bytes};
  if (source.Peak() != nullptr) return WriteSample(source, bucket, values + 2, 2, builder);
  WriteSample(source, bucket, values, source.Earlier() == nullptr ? 4 : 2, builder);
}

void WriteLocations(const HeapSource& source, const ModuleTable& modules, ProfileBuilder* builder) {
  uint32_t count = source.LocationCount();
  for (uint32_t i = 1; i <= count; i++) {
    uint64_t address = source.ReturnAddress(i) - 1;
    builder->AddLocation({i + kFirstLocation - 1, MappingId(modules, modules.Find(address)), address});
  }
}

void WriteTimeComment(const char* key, int64_t nanos, ProfileBuilder* builder) {
  constexpr int64_t kSecond = 1'000'000'000;
  Text<40> text;
  AppendUtc(nanos / kSecond, &text);
  WriteComment(key, text.data(), builder);
}

void WriteComments(const HeapSource& source, const ModuleTable& modules, ProfileBuilder* builder) {
  WriteProcessComments(builder);
  // What is in use is no difference then: whoever adds up such files takes it of the last.
  if (source.Delta() != nullptr && source.Delta()->in_use_as_it_is)
    WriteComment("delta", uint64_t{1}, builder);
  if (source.Growth() != nullptr) WriteGrowthComments(*source.Growth(), builder);
  if (source.Lifetimes() != nullptr) WriteLifetimeComment(*source.Lifetimes(), builder);
  if (source.Peak() != nullptr) {
    WriteTimeComment("peak-time", source.Peak()->time_nanos, builder);
    if (source.Peak()->since_nanos != 0) WriteTimeComment("peak-since", source.Peak()->since_nanos, builder);
  }
  TableStats stats = source.Stats();
  WriteComment("sample-interval", source.Interval(), builder);
  WriteComment("samples", stats.samples, builder);
  WriteComment("live-samples", stats.live_samples, builder);
  WriteComment("lost-samples", stats.lost_samples, builder);
  WriteComment("truncated-stacks", stats.truncated_stacks, builder);
  WriteComment("buckets", stats.buckets, builder);
  WriteComment("stacks", stats.stacks, builder);
  WriteComment("metadata-bytes", stats.metadata_bytes, builder);
  if (modules.dropped() != 0) WriteComment("dropped-mappings", modules.dropped(), builder);
}

}  // namespace

int WriteHeapProtoFrom(const HeapSource& source, HeapProfileKind kind, ByteSink* sink,
                       HeapProtoWorkspace* workspace) {
  uint32_t buckets = source.BucketCount();
  GzipStream gzip(sink, &workspace->gzip);
  ProfileBuilder builder(&gzip, &workspace->builder, AllLabelTexts());
  ModuleTable modules(&workspace->modules);
  WriteHeader(source, kind, &builder);
  for (uint32_t id = 1; id <= buckets && builder.error() == 0; id++) {
    if (const Bucket* bucket = source.BucketAt(id)) WriteBucket(source, id, *bucket, &builder);
  }
  if (source.Lifetimes() != nullptr) WriteLostLifetimes(*source.Lifetimes(), &builder);
  // Without /proc the table is empty and locations stay bare addresses: still a profile.
  modules.Read();
  WriteMappings(modules, &builder);
  WriteUnknownFrame(kOverflowLocation, kOverflowFunction, kOverflowFrame, &builder);
  WriteUnknownFrame(kTruncatedLocation, kTruncatedFunction, kTruncatedFrame, &builder);
  WriteUnknownFrame(kBareCodeLocation, kBareCodeFunction, kBareCodeFrame, &builder);
  WriteLocations(source, modules, &builder);
  WriteComments(source, modules, &builder);
  int error = builder.Finish();
  return error != 0 ? error : gzip.Finish();
}

}  // namespace heapprof
