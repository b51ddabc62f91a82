// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/lifetime_values.h"

#include <initializer_list>

#include "base/text.h"
#include "profiles/write/proto_parts.h"

namespace heapprof {
namespace {

constexpr int kClasses = HeapLifetimes::kClasses;

void Append(const LifetimeSample& sample, LifetimeSamples* out) {
  if (sample.objects != 0 || sample.bytes != 0) out->samples[out->count++] = sample;
}

LifetimeSample Scaled(int of_class, bool live, bool temporary, uint64_t samples, const Bucket& bucket) {
  const HeapEstimate e =
      Estimate({samples, 0}, bucket.size, bucket.interval, RoundingOffset(bucket.key_hash));
  return {of_class, live, temporary, e.inuse_objects, e.inuse_bytes, 0};
}

int64_t Saturated(uint64_t value) { return value < INT64_MAX ? static_cast<int64_t>(value) : INT64_MAX; }

const char* CommentOf(const LifetimeCounts& counts) {
  return counts.freed->started() ? "collected" : "not collected; HEAPPROF_OPTIONS=lifetimes=1 does";
}

// "1234567890 ns" as "1.2 s".
void WriteAge(int64_t nanos, TextStream* out) {
  constexpr struct {
    int64_t nanos;
    const char* name;
  } kUnits[] = {{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}};
  for (const auto& unit : kUnits) {
    if (nanos < unit.nanos && unit.nanos != kUnits[2].nanos) continue;
    const int64_t tenths = nanos / (unit.nanos / 10);
    out->UDec(static_cast<uint64_t>(tenths / 10)).Str(".").UDec(static_cast<uint64_t>(tenths % 10));
    out->Str(" ").Str(unit.name);
    return;
  }
}

}  // namespace

int64_t LifetimeSamples::Objects(bool live) const {
  int64_t sum = 0;
  for (const LifetimeSample& sample : *this) {
    if (sample.live == live && __builtin_add_overflow(sum, sample.objects, &sum)) return INT64_MAX;
  }
  return sum;
}

int64_t LifetimeSamples::Bytes(bool live) const {
  int64_t sum = 0;
  for (const LifetimeSample& sample : *this) {
    if (sample.live == live && __builtin_add_overflow(sum, sample.bytes, &sum)) return INT64_MAX;
  }
  return sum;
}

LifetimeSamples SamplesOf(const LifetimeCounts& counts, uint32_t id, const Bucket& bucket) {
  LifetimeSamples out;
  out.count = 0;
  HeapLifetimes::Freed freed;
  if (counts.freed->Read(id, &freed)) {
    for (int c = 0; c < kClasses; ++c) {
      for (int temporary = 0; temporary < 2; ++temporary)
        Append(Scaled(c, false, temporary != 0, freed.count[c][temporary], bucket), &out);
    }
  }
  LiveAges::Ages ages;
  if (counts.live->At(id, &ages)) {
    for (int c = 0; c < kClasses; ++c) {
      LifetimeSample sample = Scaled(c, true, false, ages.count[c], bucket);
      sample.mean_age = ages.mean[c];
      if (ages.count[c] != 0) Append(sample, &out);
    }
  }
  return out;
}

LifetimeSamples LostSamples(const LifetimeCounts& counts) {
  constexpr uint64_t kOne = 1024;
  LifetimeSamples out;
  out.count = 0;
  for (int c = 0; c < kClasses; ++c) {
    for (bool temporary : {false, true}) {
      const HeapLifetimes::Lost lost = counts.freed->ReadLost(c, temporary);
      Append({c, false, temporary, Saturated(lost.objects_1024 / kOne), Saturated(lost.bytes), 0}, &out);
    }
  }
  return out;
}

const char* LifetimeName(int of_class) {
  constexpr const char* kNames[] = {"<1ms",   "<10ms",   "<100ms",   "<1s",       "<10s",   "<100s",
                                    "<1000s", "<10000s", "<100000s", ">=100000s", "unknown"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kClasses);
  return kNames[of_class];
}

void AddLifetimeTypes(ProfileBuilder* builder) {
  builder->AddSampleType("freed_objects", "count");
  builder->AddSampleType("freed_space", "bytes");
  builder->AddSampleType("live_objects", "count");
  builder->AddSampleType("live_space", "bytes");
  builder->SetDefaultSampleType("freed_space");
}

void WriteLifetime(const LifetimeSample& sample, ProfileBuilder* builder) {
  int64_t values[4] = {};
  values[sample.live ? 2 : 0] = sample.objects;
  values[sample.live ? 3 : 1] = sample.bytes;
  builder->SampleValues(values, 4);
  builder->SampleLabel("lifetime", LifetimeName(sample.of_class));
  if (sample.temporary) builder->SampleLabel("temporary", "yes");
  if (sample.live) builder->SampleLabel("age", sample.mean_age, "nanoseconds");
}

void WriteLifetimeComment(const LifetimeCounts& counts, ProfileBuilder* builder) {
  WriteComment("lifetimes", CommentOf(counts), builder);
}

void WriteLifetimeSums(const LifetimeSamples& samples, TextStream* out) {
  out->UDec(static_cast<uint64_t>(samples.Objects(false))).Str(": ");
  out->UDec(static_cast<uint64_t>(samples.Bytes(false))).Str(" [");
  out->UDec(static_cast<uint64_t>(samples.Objects(true))).Str(": ");
  out->UDec(static_cast<uint64_t>(samples.Bytes(true))).Str("] @");
}

void WriteLifetimeLines(const LifetimeSamples& samples, TextStream* out) {
  for (const LifetimeSample& sample : samples) {
    out->Str("# ").Str(sample.live ? "alive " : sample.temporary ? "freed, temporary " : "freed ");
    out->Str(LifetimeName(sample.of_class)).Str(" ").UDec(static_cast<uint64_t>(sample.objects));
    out->Str(": ").UDec(static_cast<uint64_t>(sample.bytes));
    if (sample.live) {
      out->Str(", mean age ");
      WriteAge(sample.mean_age, out);
    }
    out->Str("\n");
  }
}

}  // namespace heapprof
