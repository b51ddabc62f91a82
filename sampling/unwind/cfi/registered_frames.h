// SPDX-License-Identifier: Apache-2.0
// Unwind tables that a program registers for code it made itself, by libgcc's __register_frame and its like:
// a JIT's. As libgcc does, they are asked before the modules' own.
//
// Thread-safety: yes; adding and removing, one at a time (module_watch). Signal-safety: Find. Allocates:
// never; what finds no room is not known. Locks: none in Find. A reader holds the tables' memory: their
// removal waits for it.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERED_FRAMES_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERED_FRAMES_H_

#include <stdint.h>

#include <atomic>

#include "sampling/unwind/cfi/cfi.h"

namespace heapprof::unwind {

class RegisteredFrames {
 public:
  // The records at `begin` up to their terminator, under the key that removes them again.
  void Add(uintptr_t key, uintptr_t begin, const PointerBases& bases);
  // All of the key's; false: there are none.
  bool Remove(uintptr_t key);
  bool any() const { return slots_.load(std::memory_order_relaxed) != 0; }

  // Whose code `pc` is. Between BeginReading and EndReading what was found may be read.
  bool Find(uintptr_t pc, UnwindTables* tables) const;
  // seq_cst: the count before the look at the slots, against Remove's slot before its look at the count.
  void BeginReading() { readers_.fetch_add(1, std::memory_order_seq_cst); }
  // release: all reading before it.
  void EndReading() { readers_.fetch_sub(1, std::memory_order_release); }

  // The child of a fork has none of the parent's readers.
  void ForgetReaders() { readers_.store(0, std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kMax = 4096;
  // The code that the records describe lies in [lo, hi); hi == 0: free.
  struct Slot {
    std::atomic<uintptr_t> lo, hi, begin, end, key, text, data;
  };
  Slot all_[kMax] = {};
  std::atomic<uint32_t> slots_{0};  // those behind were never used
  std::atomic<uint32_t> readers_{0};
};

extern RegisteredFrames g_registered_frames;

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERED_FRAMES_H_
