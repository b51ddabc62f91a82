// SPDX-License-Identifier: Apache-2.0
// The modules whose code walks have met, to notice that one has taken another's place: libc unloads libraries
// of its own (character sets, name services, cancellation) past the wrapper of dlclose. Asked for each PC
// that is new to the rule cache.
//
// Thread-safety: yes; a race may notice a change twice, or at the next new PC. Signal-safety: yes. Allocates:
// never; what finds no room is taken for known. Locks: none.
#ifndef HEAPPROF_SAMPLING_UNWIND_SEEN_MODULES_H_
#define HEAPPROF_SAMPLING_UNWIND_SEEN_MODULES_H_

#include <stdint.h>

#include <algorithm>
#include <atomic>

#include "sampling/unwind/cfi/cfi.h"

namespace heapprof::unwind {

class SeenModules {
 public:
  bool Knows(const UnwindTables& tables) const {
    const uint32_t count = std::min(count_.load(std::memory_order_acquire), kMax);
    for (uint32_t i = 0; i < count; ++i) {
      if (seen_[i].lo.load(std::memory_order_relaxed) == tables.code_lo &&
          seen_[i].hi.load(std::memory_order_relaxed) == tables.code_hi &&
          seen_[i].header.load(std::memory_order_relaxed) == tables.eh_frame_hdr) {
        return true;
      }
    }
    return false;
  }
  void Forget() { count_.store(0, std::memory_order_relaxed); }

  // True when `tables`' module lies where a different one was seen, which is forgotten with all others.
  bool Replaces(const UnwindTables& tables) {
    const uint32_t count = std::min(count_.load(std::memory_order_acquire), kMax);
    for (uint32_t i = 0; i < count; ++i) {
      const uintptr_t lo = seen_[i].lo.load(std::memory_order_relaxed);
      const uintptr_t hi = seen_[i].hi.load(std::memory_order_relaxed);
      const uintptr_t header = seen_[i].header.load(std::memory_order_relaxed);
      if (tables.code_hi <= lo || tables.code_lo >= hi) continue;
      if (tables.code_lo == lo && tables.code_hi == hi && tables.eh_frame_hdr == header) return false;
      count_.store(0, std::memory_order_relaxed);
      return true;
    }
    const uint32_t slot = count_.fetch_add(1, std::memory_order_acq_rel);
    if (slot < kMax) {
      // Until all three are there the entry overlaps with nothing: `hi` last.
      seen_[slot].hi.store(0, std::memory_order_relaxed);
      seen_[slot].lo.store(tables.code_lo, std::memory_order_relaxed);
      seen_[slot].header.store(tables.eh_frame_hdr, std::memory_order_relaxed);
      seen_[slot].hi.store(tables.code_hi, std::memory_order_release);
    }
    return false;
  }

 private:
  static constexpr uint32_t kMax = 1024;
  struct Seen {
    std::atomic<uintptr_t> lo, hi, header;
  };
  Seen seen_[kMax] = {};
  std::atomic<uint32_t> count_{0};
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_SEEN_MODULES_H_
