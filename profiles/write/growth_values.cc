// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/growth_values.h"

#include "base/text.h"
#include "profiles/write/heap_source.h"
#include "profiles/write/proto_parts.h"

namespace heapprof {
namespace {

int64_t BytesOf(uint32_t samples, const Bucket& bucket) {
  return Estimate({samples, 0}, bucket.size, bucket.interval, RoundingOffset(bucket.key_hash)).inuse_bytes;
}

void AppendWindow(const HeapGrowth::Window& window, int level, TextWriter* text) {
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t nanos = window.nanos[level] > 0 ? window.nanos[level] : 0;
  text->UDec(static_cast<uint64_t>(nanos / kSecond)).Str(" s");
  if (window.from_start[level]) text->Str(", since the start");
}

}  // namespace

bool GrowthValues::IsZero() const {
  for (int64_t value : values) {
    if (value != 0) return false;
  }
  return true;
}

GrowthValues ValuesOfGrowth(const GrowthCounts& growth, uint32_t id, const Bucket& bucket) {
  const SampleCounts counts = ReadCounts(bucket);
  const uint64_t in_use = counts.allocations - counts.frees;
  const HeapGrowth::Past now = {in_use < UINT32_MAX ? static_cast<uint32_t>(in_use) : UINT32_MAX,
                                static_cast<uint32_t>(counts.frees)};
  const int64_t bytes = BytesOf(now.in_use, bucket);
  GrowthValues out = {};
  for (int level = 0; level < HeapGrowth::kLevels; ++level) {
    const HeapGrowth::Past then = growth.past(growth.window, level, id, now);
    out.values[level] = bytes - BytesOf(then.in_use, bucket);
    out.values[HeapGrowth::kLevels + level] = BytesOf(now.frees - then.frees, bucket);
  }
  out.values[2 * HeapGrowth::kLevels] = bytes;
  return out;
}

void AddGrowthTypes(ProfileBuilder* builder) {
  constexpr const char* kTypes[] = {"growth_1m", "growth_10m", "growth_1h", "growth_1d",
                                    "freed_1m",  "freed_10m",  "freed_1h",  "freed_1d"};
  for (const char* type : kTypes) builder->AddSampleType(type, "bytes");
  builder->AddSampleType("inuse_space", "bytes");
  builder->SetDefaultSampleType("growth_1h");
}

void WriteGrowthComments(const GrowthCounts& growth, ProfileBuilder* builder) {
  for (int level = 0; level < HeapGrowth::kLevels; ++level) {
    Text<16> key;
    Text<48> value;
    AppendWindow(growth.window, level, &value);
    WriteComment(key.Str("growth-").Str(kGrowthWindows[level]).data(), value.data(), builder);
  }
  if (growth.lost != 0) WriteComment("growth-lost", growth.lost, builder);
}

void WriteGrowthLines(const GrowthCounts& growth, TextStream* out) {
  for (int level = 0; level < HeapGrowth::kLevels; ++level) {
    Text<48> value;
    AppendWindow(growth.window, level, &value);
    out->Str("# growth-").Str(kGrowthWindows[level]).Str(" = ").Str(value.data()).Str("\n");
  }
}

}  // namespace heapprof
