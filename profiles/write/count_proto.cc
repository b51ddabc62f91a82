// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/count_proto.h"

#include "profiles/write/heap_source.h"
#include "profiles/write/proto_parts.h"

namespace heapprof {
namespace {

constexpr uint64_t kOverflowLocation = 1, kTruncatedLocation = 2, kLostLocation = 3, kOutsideLocation = 4,
                   kNoTickLocation = 5, kBareCodeLocation = 6, kFirstLocation = 7;
constexpr uint64_t kOverflowFunction = 1, kTruncatedFunction = 2, kLostFunction = 3, kOutsideFunction = 4,
                   kNoTickFunction = 5, kBareCodeFunction = 6;

void WriteHeader(const CountProfile& profile, ProfileBuilder* builder) {
  builder->AddSampleType(profile.type, "count");
  const bool has_amounts = profile.scaled_type != nullptr;
  if (has_amounts) builder->AddSampleType(profile.scaled_type, profile.scaled_unit);
  if (has_amounts && profile.values == nullptr) {
    builder->SetPeriod(profile.scaled_type, profile.scaled_unit, profile.period);
  } else {
    builder->SetPeriod(profile.type, "count", 1);
  }
  if (has_amounts) builder->SetDefaultSampleType(profile.scaled_type);
  builder->SetTimeNanos(profile.start);
  if (profile.duration != 0) builder->SetDurationNanos(profile.duration);
}

StackValue ValueOfCount(const CountProfile& profile, uint64_t count) {
  return {static_cast<int64_t>(count), static_cast<int64_t>(count) * profile.period};
}

void WriteValues(const CountProfile& profile, StackValue value, ProfileBuilder* builder) {
  const int64_t values[] = {value.count, value.amount};
  builder->SampleValues(values, profile.scaled_type != nullptr ? 2 : 1);
}

// The i-th of those to write.
void WriteEntry(const CountProfile& profile, uint32_t i, ProfileBuilder* builder) {
  const uint32_t id = profile.order != nullptr ? profile.order[i] : i + 1;
  const CountedStack& entry = profile.counts->at(id);
  const StackValue value =
      profile.values != nullptr ? profile.values[i] : ValueOfCount(profile, ValueOf(entry));
  if (value.count == 0 && value.amount == 0) return;
  builder->StartSample();
  if (id == StackCounts::kOverflow) {
    builder->SampleLocations(nullptr, 0, 0, kOverflowLocation);
  } else {
    bool whole = !entry.truncated && entry.depth <= ProfileBuilder::kMaxSampleLocations;
    const uint64_t last = entry.truncated == Truncation::kInBareCode ? kBareCodeLocation
                          : !whole                                   ? kTruncatedLocation
                          : entry.depth == 0                         ? kNoTickLocation
                                                                     : 0;
    builder->SampleLocations(profile.counts->LocationsOf(entry), entry.depth, kFirstLocation - 1, last);
  }
  WriteValues(profile, value, builder);
  profile.labels(entry.labels, builder);
  builder->EndSample();
}

void WriteStackless(const CountProfile& profile, uint64_t count, uint64_t location, ProfileBuilder* builder) {
  if (count == 0) return;
  builder->StartSample();
  builder->SampleLocations(nullptr, 0, 0, location);
  WriteValues(profile, ValueOfCount(profile, count), builder);
  builder->EndSample();
}

void WriteLocations(const StackCounts& counts, const ModuleTable& modules, ProfileBuilder* builder) {
  WriteUnknownFrame(kOverflowLocation, kOverflowFunction, kOverflowFrame, builder);
  WriteUnknownFrame(kTruncatedLocation, kTruncatedFunction, kTruncatedFrame, builder);
  WriteUnknownFrame(kLostLocation, kLostFunction, kLostFrame, builder);
  WriteUnknownFrame(kOutsideLocation, kOutsideFunction, kOutsideFrame, builder);
  WriteUnknownFrame(kNoTickLocation, kNoTickFunction, kNoTickFrame, builder);
  WriteUnknownFrame(kBareCodeLocation, kBareCodeFunction, kBareCodeFrame, builder);
  uint32_t count = counts.location_count();
  for (uint32_t i = 1; i <= count; i++) {
    uint64_t address = counts.AddressOf(i);
    builder->AddLocation({i + kFirstLocation - 1, MappingId(modules, modules.Find(address)), address});
  }
}

}  // namespace

int WriteCountProto(const CountProfile& profile, ByteSink* sink, CountProtoWorkspace* workspace) {
  uint32_t entries = profile.order != nullptr ? profile.order_count : profile.counts->count();
  GzipStream gzip(sink, &workspace->gzip);
  ProfileBuilder builder(&gzip, &workspace->builder, AllLabelTexts());
  ModuleTable modules(&workspace->modules);
  WriteHeader(profile, &builder);
  for (uint32_t i = 0; i < entries && builder.error() == 0; i++) {
    WriteEntry(profile, i, &builder);
  }
  WriteStackless(profile, profile.lost, kLostLocation, &builder);
  WriteStackless(profile, profile.outside, kOutsideLocation, &builder);
  // Without /proc the table is empty and locations stay bare addresses: still a profile.
  modules.Read();
  WriteMappings(modules, &builder);
  WriteLocations(*profile.counts, modules, &builder);
  WriteProcessComments(&builder);
  if (profile.comments != nullptr) profile.comments(profile.argument, &builder);
  if (modules.dropped() != 0) WriteComment("dropped-mappings", modules.dropped(), &builder);
  int error = builder.Finish();
  return error != 0 ? error : gzip.Finish();
}

}  // namespace heapprof
