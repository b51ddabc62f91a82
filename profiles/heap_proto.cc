#include "profiles/heap_proto.h"

#include <heapprof/heapprof.h>

#include "base/raw_syscall.h"
#include "base/text.h"
#include "profiles/process_start.h"

namespace heapprof {
namespace {

constexpr uint64_t kOverflowLocation = 1, kTruncatedLocation = 2, kFirstLocation = 3;
constexpr uint64_t kOverflowFunction = 1, kTruncatedFunction = 2;

// Frames of allocators and of the profiler itself: pprof leaves out what matches and all nearer the leaf.
constexpr char kDropFrames[] =
    "malloc|calloc|realloc|reallocarray|free|(__)?posix_memalign|memalign|aligned_alloc|valloc|pvalloc|"
    "operator new(\\[\\])?|operator delete(\\[\\])?|(std::__|__gnu_cxx::)new_allocator::(de)?allocate|"
    "heapprof::.*";

void WriteHeader(const HeapSource& source, HeapProfileKind kind, ProfileBuilder* builder) {
  builder->AddSampleType("alloc_objects", "count");
  builder->AddSampleType("alloc_space", "bytes");
  builder->AddSampleType("inuse_objects", "count");
  builder->AddSampleType("inuse_space", "bytes");
  builder->SetPeriod("space", "bytes", static_cast<int64_t>(source.interval()));
  builder->SetDefaultSampleType(kind == HeapProfileKind::kAllocs ? "alloc_space" : "inuse_space");
  builder->SetDropFrames(kDropFrames);
  builder->SetTimeNanos(RawRealtimeNanos());
}

void WriteBucket(const HeapSource& source, const Bucket& bucket, ProfileBuilder* builder) {
  SampleCounts counts = ReadCounts(bucket);
  if (counts.allocations == 0) return;  // its writer has not counted yet
  HeapEstimate e = Estimate(counts, bucket.size, bucket.interval, RoundingOffset(bucket.key_hash));
  builder->StartSample();
  if (bucket.stack == kOverflowStack) {
    builder->SampleLocations(nullptr, 0, 0, kOverflowLocation);
  } else {
    StackView stack = source.stack_at(bucket.stack);
    bool whole = !stack.truncated && stack.depth <= ProfileBuilder::kMaxSampleLocations;
    builder->SampleLocations(stack.locations, stack.depth, kFirstLocation - 1,
                             whole ? 0 : kTruncatedLocation);
  }
  const int64_t values[] = {e.alloc_objects, e.alloc_bytes, e.inuse_objects, e.inuse_bytes};
  builder->SampleValues(values, 4);
  builder->SampleLabel("bytes", static_cast<int64_t>(bucket.size), "bytes");
  builder->EndSample();
}

// The frames that stand for what is not known have functions of their own and no mapping: has_functions of a
// mapping would keep readers from looking up all its other locations.
void WriteUnknownFrame(uint64_t location, uint64_t function, const char* name, ProfileBuilder* builder) {
  builder->AddFunction({function, name, name, "", 0});
  ProfileBuilder::LineInfo line = {function, 0};
  builder->AddLocation({location, 0, 0, &line, 1});
}

// Mapping ids follow the order in the file, in which the main binary comes first.
uint64_t MappingId(const ModuleTable& modules, uint32_t index) {
  if (index == ModuleTable::kNone) return 0;
  if (index == modules.main_binary()) return 1;
  return index < modules.main_binary() ? index + 2 : index + 1;
}

void WriteMapping(const ModuleTable& modules, uint32_t index, ProfileBuilder* builder) {
  const Module& module = modules.at(index);
  builder->AddMapping({MappingId(modules, index), module.start, module.limit, module.file_offset, module.path,
                       module.build_id});
}

void WriteMappings(const ModuleTable& modules, ProfileBuilder* builder) {
  if (modules.count() == 0) return;
  WriteMapping(modules, modules.main_binary(), builder);
  for (uint32_t i = 0; i < modules.count(); i++) {
    if (i != modules.main_binary()) WriteMapping(modules, i, builder);
  }
}

void WriteLocations(const HeapSource& source, const ModuleTable& modules, ProfileBuilder* builder) {
  uint32_t count = source.location_count();
  for (uint32_t i = 1; i <= count; i++) {
    uint64_t address = source.location_return_address(i) - 1;
    builder->AddLocation({i + kFirstLocation - 1, MappingId(modules, modules.Find(address)), address});
  }
}

void AddComment(ProfileBuilder* builder, const TextWriter& text) {
  builder->AddComment(text.data(), text.size());
}

void Comment(const char* key, uint64_t value, ProfileBuilder* builder) {
  Text<80> text;
  AddComment(builder, text.Str(key).Str(": ").UDec(value));
}

void WriteComments(const HeapSource& source, const ModuleTable& modules, ProfileBuilder* builder) {
  Text<80> text;
  AddComment(builder, text.Str("heapprof-version: " HEAPPROF_VERSION));
  Comment("pid", static_cast<uint64_t>(RawGetPid()), builder);
  if (int64_t start = ProcessStartSeconds()) {
    text.Clear();
    text.Str("start-time: ");
    AppendUtc(start, &text);
    AddComment(builder, text);
  }
  TableStats stats = source.stats();
  Comment("sample-interval", source.interval(), builder);
  Comment("samples", stats.samples, builder);
  Comment("live-samples", stats.live_samples, builder);
  Comment("lost-samples", stats.lost_samples, builder);
  Comment("truncated-stacks", stats.truncated_stacks, builder);
  Comment("buckets", stats.buckets, builder);
  Comment("stacks", stats.stacks, builder);
  Comment("metadata-bytes", stats.metadata_bytes, builder);
  if (modules.dropped() != 0) Comment("dropped-mappings", modules.dropped(), builder);
}

}  // namespace

int WriteHeapProtoFrom(const HeapSource& source, HeapProfileKind kind, ByteSink* sink,
                       HeapProtoWorkspace* workspace) {
  GzipStream gzip(sink, &workspace->gzip);
  ProfileBuilder builder(&gzip, &workspace->builder);
  ModuleTable modules(&workspace->modules);
  WriteHeader(source, kind, &builder);
  uint32_t buckets = source.bucket_count();
  for (uint32_t id = 1; id <= buckets && builder.error() == 0; id++) {
    if (const Bucket* bucket = source.bucket_at(id)) WriteBucket(source, *bucket, &builder);
  }
  // Without /proc the table is empty and locations stay bare addresses: still a profile.
  modules.Read();
  WriteMappings(modules, &builder);
  WriteUnknownFrame(kOverflowLocation, kOverflowFunction, kOverflowFrame, &builder);
  WriteUnknownFrame(kTruncatedLocation, kTruncatedFunction, kTruncatedFrame, &builder);
  WriteLocations(source, modules, &builder);
  WriteComments(source, modules, &builder);
  int error = builder.Finish();
  return error != 0 ? error : gzip.Finish();
}

}  // namespace heapprof
