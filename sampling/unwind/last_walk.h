// SPDX-License-Identifier: Apache-2.0
// A thread's last walk: where each return address and each rbp that matters was read, and what it was. The
// next walk goes up from the leaf only until it meets a frame of this one at the same place; of what lies
// above, the words are compared where they lie, and taken over.
//
// Why that is right: a step depends on pc, sp and rbp, on the rule of pc, and on the words that it reads.
// Rules stay within a generation of the rule cache. So a walk that comes to a remembered frame with the same
// pc, sp and, if any step from there on depends on it, rbp, goes on as the last one did as long as the words
// are the same. Walks with steps that depend on more (signals, code without CFI or with rules of its own,
// other stacks than the thread's) are not remembered; nor are those that were cut or lost their way.
//
// Thread-safety: an object belongs to its thread. Signal-safety: yes, but not inside itself (the recorder's
// guard sees to that). Allocates: never. Locks: none. Zeroed memory remembers nothing. Invariants: frames lie
// root first, so that what two walks share stays where it is.
#ifndef HEAPPROF_SAMPLING_UNWIND_LAST_WALK_H_
#define HEAPPROF_SAMPLING_UNWIND_LAST_WALK_H_

#include <stddef.h>
#include <stdint.h>

#include "sampling/unwind/step/rule.h"
#include "sampling/unwind/walk.h"

namespace heapprof {

class LastWalk {
 public:
  // Whether walks are remembered on this architecture.
  static bool IsAvailable();

  // What WalkStack would answer, in `*result`; its PCs are those below until the next call. False: this stack
  // is one for WalkStack.
  bool Walk(const CallerFrame& start, const StackBounds& bounds, uint32_t max, WalkResult* result);

  // The PC of the leaf; that of the frame above it lies kPcStride words from it, and so on.
  const uintptr_t* leaf() const { return &frames_[count_ - 1].pc; }
  static constexpr ptrdiff_t kPcStride = -2;

  void Forget() { count_ = kRoot; }

 private:
  // What a walk knows when it comes to a frame: `pc` was read from the word below `sp`.
  struct Frame {
    uintptr_t sp, pc;
  };
  struct Details {
    uint64_t hash;      // of the PCs from the root to this frame; of a new frame at first where its rbp lies
    uintptr_t fp;       // if it is needed
    uint32_t fp_words;  // how many of fp_words_ belong to frames above this one
    bool needs_fp;      // the step from here, or a later one, depends on rbp
  };
  // An rbp that a step has read, which a later one needed.
  struct FpWord {
    uintptr_t address, value;
  };

  // Frames that are remembered, and those of a new walk until it meets one of them; in three pages with
  // the rest. The first ones are no frames: their words are always unchanged, so that words are compared by
  // eight.
  static constexpr uint32_t kCapacity = 192, kBlock = 8, kRoot = kBlock;
  static constexpr uint32_t kPlaces = 256;
  static uint32_t PlaceOf(uintptr_t sp) { return sp / 16 % kPlaces; }

  void Begin(uint64_t generation, uintptr_t stack_end, uint32_t max);
  static uintptr_t Changed(const Frame& frame);
  uint32_t FindChanged(uint32_t at) const;
  uint32_t FindChangedFp(uint32_t at) const;
  uint32_t TakeOver(uint32_t at, uint32_t top);
  uint32_t TakeOverWithFp(uint32_t at, uint32_t top, uintptr_t fp_at);
  bool GiveUp();

  uint64_t generation_, mark_;  // of rules; the latter is what short ones bear
  uintptr_t stack_end_;
  uint32_t max_;
  uint32_t count_;               // frames_[kRoot] to frames_[count_ - 1]
  uint32_t pause_, next_pause_;  // walks that are not to be tried
  uint8_t at_place_[kPlaces];    // the frame whose sp that is, if any
  Frame frames_[kCapacity];
  Details details_[kCapacity];
  FpWord fp_words_[kCapacity];
};
static_assert(sizeof(LastWalk) <= 12288);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_UNWIND_LAST_WALK_H_
