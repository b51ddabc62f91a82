// SPDX-License-Identifier: Apache-2.0
// What the profile `memory` is written from: rows by cause, whose sum with the shares of the stacks is RSS.
//
// Thread-safety: an object belongs to one writer. Signal-safety: yes. Allocates: mmap only.
#ifndef HEAPPROF_PROFILES_MEMORY_MEMORY_REPORT_H_
#define HEAPPROF_PROFILES_MEMORY_MEMORY_REPORT_H_

#include "profiles/memory/memory_shares.h"
#include "sampling/memory/memory_state.h"

namespace heapprof {

class MemoryReport {
 public:
  // 0, or -errno.
  int Collect(const HeapSource& source, ResidentPages::Source best = ResidentPages::Source::kScan,
              bool (*read)(ProcessMemory*) = ReadProcessMemory);

  const MemoryRows& rows() const { return state_.rows(); }
  const MemoryShares& shares() const { return shares_; }
  const MemoryState& state() const { return state_; }
  // The kernel's sum; 0: it cannot be read, and no part was compared with it.
  uint64_t resident() const { return state_.process().resident; }
  uint64_t not_explained() const { return not_explained_; }
  // What the parts have in all, if it is more than the kernel's sum by this much.
  uint64_t counted_above() const { return counted_above_; }

 private:
  MemoryState state_;
  MemoryShares shares_;
  uint64_t not_explained_ = 0, counted_above_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_MEMORY_MEMORY_REPORT_H_
