// SPDX-License-Identifier: Apache-2.0
// One step of a walk on aarch64: from a frame's registers and its rule to its caller's, by the equations of
// rule_aarch64.h. `Memory` answers every read of the stack, as in step_x86_64.h.
//
// Thread-safety, signal-safety: as Memory's. Allocates: never. Locks: none.
#ifndef HEAPPROF_SAMPLING_UNWIND_STEP_STEP_AARCH64_H_
#define HEAPPROF_SAMPLING_UNWIND_STEP_STEP_AARCH64_H_

#include <stdint.h>

#include "sampling/unwind/cfi/registers_aarch64.h"
#include "sampling/unwind/step/rule_aarch64.h"

namespace heapprof::unwind::aarch64 {

// link: x30; 0: not known.
struct Registers {
  uintptr_t pc, sp, fp, link;
};

enum class Step {
  kCalled,       // the registers are the caller's; pc is a return address
  kInterrupted,  // the registers are those that a signal interrupted; pc is exact
  kEnd,          // there is no caller
  kLost,         // there is one, but not by this rule on this stack
};

constexpr uintptr_t kWord = sizeof(uintptr_t);
constexpr uintptr_t kLowestCode = 65536;

// Where the kernel's frame of a signal has what was interrupted, from the handler's sp on: behind the siginfo
// of 128 bytes a ucontext, whose mcontext begins with the fault's address.
constexpr uintptr_t kSignalContext = 128, kContextRegisters = 184;
constexpr uintptr_t kContextSp = kContextRegisters + 31 * kWord, kContextPc = kContextSp + kWord;

template <class Memory>
Step StepFromSignal(Registers* registers, Memory* memory) {
  const uintptr_t context = registers->sp + kSignalContext;
  Registers interrupted;
  if (!memory->Read(context + kContextPc, &interrupted.pc) ||
      !memory->Read(context + kContextSp, &interrupted.sp) ||
      !memory->Read(context + kContextRegisters + 29 * kWord, &interrupted.fp) ||
      !memory->Read(context + kContextRegisters + 30 * kWord, &interrupted.link)) {
    return Step::kLost;
  }
  *registers = interrupted;
  return Step::kInterrupted;
}

// By a frame record (AAPCS64, 6.4.6): the caller's x29, and the return address beside it; 0 ends the chain.
template <class Memory>
Step StepByFramePointer(Registers* registers, Memory* memory) {
  Registers& r = *registers;
  if (r.fp == 0) return Step::kEnd;
  uintptr_t caller_fp, return_address;
  constexpr uintptr_t kMaxFrame = 1 << 20;
  if (r.fp % kWord != 0 || r.fp < r.sp || r.fp - r.sp > kMaxFrame || !memory->Read(r.fp, &caller_fp) ||
      !memory->Read(r.fp + kWord, &return_address)) {
    return Step::kLost;
  }
  const uintptr_t caller_pc = StripAuthentication(return_address);
  if (caller_pc == 0) return Step::kEnd;
  if (caller_pc < kLowestCode) return Step::kLost;
  r = {caller_pc, r.fp + 2 * kWord, caller_fp, 0};
  return Step::kCalled;
}

template <class Memory>
Step StepByRule(Rule rule, Registers* registers, Memory* memory) {
  Registers& r = *registers;
  if (rule.kind() == Rule::kEnd) return Step::kEnd;
  if (rule.kind() == Rule::kNoCfi) return StepByFramePointer(registers, memory);
  if (rule.kind() != Rule::kSp && rule.kind() != Rule::kFp) return Step::kLost;
  const uintptr_t cfa = (rule.kind() == Rule::kSp ? r.sp : r.fp) + static_cast<uintptr_t>(rule.a());
  uintptr_t return_address = r.link, caller_fp = r.fp;
  // A leaf may have no frame at all; any other frame lies above the one that it called, or on another stack.
  if (cfa < r.sp && (rule.kind() == Rule::kSp || !memory->MayGoDown(r.sp, cfa))) return Step::kLost;
  if (cfa == r.sp && rule.link_saved()) return Step::kLost;
  if (rule.link_saved() && !memory->Read(cfa + static_cast<uintptr_t>(rule.c()), &return_address))
    return Step::kLost;
  if (rule.fp_saved() && !memory->Read(cfa + static_cast<uintptr_t>(rule.b()), &caller_fp))
    return Step::kLost;
  if (!rule.link_saved() && r.link == 0) return Step::kLost;  // no leaf: its x30 is not known any more
  r = {StripAuthentication(return_address), cfa, caller_fp, 0};
  return r.pc == 0 ? Step::kEnd : Step::kCalled;
}

}  // namespace heapprof::unwind::aarch64

#endif  // HEAPPROF_SAMPLING_UNWIND_STEP_STEP_AARCH64_H_
