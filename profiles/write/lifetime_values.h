// SPDX-License-Identifier: Apache-2.0
// The values of the profile "lifetimes": of each bucket one sample for each class of lifetime in which blocks
// were freed, temporary ones apart, and one for each class of age in which blocks live.
//
// Thread-safety: reading, yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_WRITE_LIFETIME_VALUES_H_
#define HEAPPROF_PROFILES_WRITE_LIFETIME_VALUES_H_

#include <stdint.h>

#include "profiles/write/scaling.h"
#include "proto/profile_builder.h"
#include "proto/text_stream.h"
#include "sampling/heap/heap_lifetimes.h"
#include "sampling/heap/live_ages.h"

namespace heapprof {

// What it is written from.
struct LifetimeCounts {
  const HeapLifetimes* freed;
  const LiveAges* live;
};

struct LifetimeSample {
  int of_class;
  bool live, temporary;
  int64_t objects, bytes;
  int64_t mean_age;  // ns, of what lives
};
// Of one bucket, or of what was lost.
struct LifetimeSamples {
  static constexpr int kMost = 3 * HeapLifetimes::kClasses;
  LifetimeSample samples[kMost];
  int count;

  const LifetimeSample* begin() const { return samples; }
  const LifetimeSample* end() const { return samples + count; }
  int64_t Objects(bool live) const;
  int64_t Bytes(bool live) const;
};
LifetimeSamples SamplesOf(const LifetimeCounts& counts, uint32_t id, const Bucket& bucket);
// Of what no bucket could count.
LifetimeSamples LostSamples(const LifetimeCounts& counts);

// "<1ms" .. "<100000s", ">=100000s", "unknown".
const char* LifetimeName(int of_class);

void AddLifetimeTypes(ProfileBuilder* builder);
// Values and labels of an open sample: lifetime, temporary = yes, age in nanoseconds.
void WriteLifetime(const LifetimeSample& sample, ProfileBuilder* builder);
// A comment "lifetimes: collected", or that they are not.
void WriteLifetimeComment(const LifetimeCounts& counts, ProfileBuilder* builder);
// The text form's line of a stack, up to its addresses, and the lines below it.
void WriteLifetimeSums(const LifetimeSamples& samples, TextStream* out);
void WriteLifetimeLines(const LifetimeSamples& samples, TextStream* out);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_LIFETIME_VALUES_H_
