// SPDX-License-Identifier: Apache-2.0
// A profile "lifetimes" by stack, or by what asked for the memory: how long blocks lived, and how old those
// are that live.
//
// Thread-safety: values. Errors: Failure for a profile of another kind, and for one that collected none.
#ifndef HEAPPROF_TOOLS_LIFETIMES_LIFETIME_ROWS_H_
#define HEAPPROF_TOOLS_LIFETIMES_LIFETIME_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/profile/frames.h"
#include "tools/report/view.h"

namespace heapprof::tools {

// The decades, as labels name them, and what has another label.
inline constexpr const char* kLifetimes[] = {"<1ms",   "<10ms",   "<100ms",   "<1s",       "<10s",   "<100s",
                                             "<1000s", "<10000s", "<100000s", ">=100000s", "unknown"};
inline constexpr size_t kDecades = 10, kLifetimeClasses = 11;

struct Lifetimes {
  Sum freed_objects = 0, freed_space = 0, temporary_objects = 0, temporary_space = 0;
  Sum live_objects = 0, live_space = 0;
  Sum freed[kLifetimeClasses] = {}, live[kLifetimeClasses] = {};  // bytes by class
  double ages = 0;                                                // of all that live: ns

  // ns; 0 where nothing lives.
  double MeanAge() const { return live_objects > 0 ? ages / static_cast<double>(live_objects) : 0; }
};

struct LifetimeRow {
  std::vector<uint32_t> frames;  // of a FrameTable: a stack, the leaf first, or its leaf alone
  Lifetimes lifetimes;
};

// Where the types and labels of a profile are.
class LifetimeTable {
 public:
  // `view` and `frames` must outlive it.
  LifetimeTable(const View& view, const FrameTable& frames);
  const Lifetimes& total() const { return total_; }
  // Those with the most bytes, freed and live, come first; of one type's bytes or blocks where `type` is one.
  std::vector<LifetimeRow> Rows(bool by_leaf, const std::string& type) const;

 private:
  void Add(uint32_t sample, Lifetimes* to) const;

  const View& view_;
  const FrameTable& frames_;
  size_t types_[4];
  Lifetimes total_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_LIFETIMES_LIFETIME_ROWS_H_
