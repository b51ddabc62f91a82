// SPDX-License-Identifier: Apache-2.0
// Of a walk: where all registers are known that a callee keeps, and from there the rows that no rule of one
// word can say.
//
// Thread-safety: one walk's. Signal-safety: yes. Allocates: never. Locks: none.
#ifndef HEAPPROF_SAMPLING_UNWIND_KNOWN_FRAME_H_
#define HEAPPROF_SAMPLING_UNWIND_KNOWN_FRAME_H_

#include <stdint.h>

#include "sampling/unwind/cfi/cfi.h"
#include "sampling/unwind/stack_window.h"
#include "sampling/unwind/step/full_step.h"
#include "sampling/unwind/step/return_address.h"
#include "sampling/unwind/step/step.h"

namespace heapprof::unwind {

// Where all registers are known that a callee keeps.
struct KnownFrame {
  uintptr_t context = 0;     // the ucontext that the walk began with or met last; 0: none
  FullRegisters after;       // those behind the last step that took all of them; known == 0: none
  bool after_exact = false;  // their PC is that of an interrupted instruction
};

// `pc`: an address inside the instruction that is being executed, or inside the call.
inline bool FullStep(uintptr_t pc, FullRegisters* registers, const WordReader& memory, Step* step) {
  const TablesFor code(pc);
  CfiRow row;
  if (!code.found() || RowFromCfi(code.tables(), pc, &row) != CfiAnswer::kRow) return false;
  *step = StepByRow(row, registers, memory);
  return true;
}

// From `full`, a frame at or below that of `r`, up to that of `r`. False: not met.
inline bool StepUpTo(const Registers& r, bool exact, FullRegisters* full, const WordReader& memory) {
  constexpr int kMaxFrames = 256;
  for (int i = 0; i < kMaxFrames; ++i) {
    const uintptr_t behind = full->value[kReturnAddress] + (exact ? 1 : 0);
    if (full->value[kStackPointer] == r.sp && behind == r.pc) return true;
    Step step;
    if (!FullStep(behind - 1, full, memory, &step) || step == Step::kEnd || step == Step::kLost) return false;
    exact = step == Step::kInterrupted;
  }
  return false;
}

inline bool MayBeCaller(uintptr_t pc) { return pc >= kLowestCode && pc < kUserEnd && MayReturnTo(pc); }

// Whether `r` is where the walk's ucontext was taken; `full` becomes all its registers.
inline bool IsInterrupted(const Registers& r, const KnownFrame& known, StackWindow* window,
                          FullRegisters* full) {
  return known.context != 0 && known.after.known == 0 &&
         full->SetFromContext(known.context, WordReader::Of(window)) && full->value[kStackPointer] == r.sp &&
         full->value[kReturnAddress] + 1 == r.pc;
}

// From the frame of `full`, which has kept its caller's registers.
inline void StepToCaller(uintptr_t caller, uintptr_t sp, FullRegisters* full, KnownFrame* known) {
  full->Set(kReturnAddress, caller);
  full->Set(kStackPointer, sp);
  full->known &= ~kLostByCall;
  known->after = *full;
  known->after_exact = false;
}

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_KNOWN_FRAME_H_
