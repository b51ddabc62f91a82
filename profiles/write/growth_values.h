// SPDX-License-Identifier: Apache-2.0
// The values of the profile "growth": what a bucket has gained and freed over four windows, and what it has.
//
// Thread-safety: reading, yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_WRITE_GROWTH_VALUES_H_
#define HEAPPROF_PROFILES_WRITE_GROWTH_VALUES_H_

#include <stdint.h>

#include "proto/profile_builder.h"
#include "proto/text_stream.h"
#include "sampling/heap/heap_growth.h"

namespace heapprof {

// What is looked back to.
struct GrowthCounts {
  HeapGrowth::Window window;
  HeapGrowth::Past (*past)(const HeapGrowth::Window& window, int level, uint32_t id, HeapGrowth::Past now);
  uint64_t lost;
};

inline constexpr const char* kGrowthWindows[HeapGrowth::kLevels] = {"1m", "10m", "1h", "1d"};
inline constexpr int kGrowthHour = 2;  // by which the text form is sorted

// In the order of the sample types: growth_1m .. growth_1d, freed_1m .. freed_1d, inuse_space.
struct GrowthValues {
  static constexpr int kCount = 2 * HeapGrowth::kLevels + 1;
  int64_t values[kCount];

  bool IsZero() const;
};
GrowthValues ValuesOfGrowth(const GrowthCounts& growth, uint32_t id, const Bucket& bucket);

void AddGrowthTypes(ProfileBuilder* builder);
// Comments "growth-1h: 4210 s", or "growth-1h: 1200 s, since the start".
void WriteGrowthComments(const GrowthCounts& growth, ProfileBuilder* builder);
// The same as lines "# growth-1h = 4210 s".
void WriteGrowthLines(const GrowthCounts& growth, TextStream* out);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_GROWTH_VALUES_H_
