// SPDX-License-Identifier: Apache-2.0
// One step of a walk on x86-64: from a frame's registers and its rule to its caller's, by the equations of
// rule.h. `Memory` answers every read of the stack:
//
//   bool Read(uintptr_t address, uintptr_t* value);      false: there is no such word
//   bool MayGoDown(uintptr_t sp, uintptr_t cfa);         whether cfa < sp can be: the caller's on another
//   stack
//
// Thread-safety, signal-safety: as Memory's. Allocates: never. Locks: none.
#ifndef HEAPPROF_SAMPLING_UNWIND_STEP_STEP_X86_64_H_
#define HEAPPROF_SAMPLING_UNWIND_STEP_STEP_X86_64_H_

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "sampling/unwind/cfi/registers.h"
#include "sampling/unwind/step/return_address.h"
#include "sampling/unwind/step/rule_x86_64.h"

namespace heapprof::unwind {

struct Registers {
  uintptr_t pc, sp, fp;
};

enum class Step {
  kCalled,       // the registers are the caller's; pc is a return address
  kInterrupted,  // the registers are those that a signal interrupted; pc is exact
  kEnd,          // there is no caller
  kLost,         // there is one, but not by this rule on this stack
};

constexpr uintptr_t kWord = sizeof(uintptr_t);
constexpr uintptr_t kLowestCode = 65536;  // vm.mmap_min_addr's usual value

template <class Memory>
Step StepFromSignal(Registers* registers, Memory* memory) {
  // __restore_rt is entered with rsp at the ucontext.
  auto saved = [&](int index) {
    return registers->sp + offsetof(ucontext_t, uc_mcontext.gregs) + static_cast<uintptr_t>(index) * kWord;
  };
  Registers interrupted;
  if (!memory->Read(saved(REG_RIP), &interrupted.pc) || !memory->Read(saved(REG_RSP), &interrupted.sp) ||
      !memory->Read(saved(REG_RBP), &interrupted.fp)) {
    return Step::kLost;
  }
  *registers = interrupted;
  return Step::kInterrupted;
}

// Whether `registers`, of a frame without CFI, are those of a handler's return: a program or a language may
// have a code of its own for it. The kernel's frame is known by its code segment, and then by the code.
template <class Memory>
bool IsSignalReturn(const Registers& registers, Memory* memory) {
  constexpr uintptr_t kUserCodeSegment = 0x33, kMaxFlags = 16;
  uintptr_t flags, segments;
  return memory->Read(registers.sp + offsetof(ucontext_t, uc_mcontext.gregs) + REG_CSGSFS * kWord,
                      &segments) &&
         (segments & 0xffff) == kUserCodeSegment && memory->Read(registers.sp, &flags) && flags < kMaxFlags &&
         CallsSigreturn(registers.pc);
}

template <class Memory>
Step StepByFramePointer(Registers* registers, Memory* memory) {
  Registers& r = *registers;
  // A frame pointer of 0 marks the outermost frame (psABI, 3.4.1): the loader's entry, an old crt1's _start.
  if (r.fp == 0) return Step::kEnd;
  // The frame pointer, if it can be one: above rsp, aligned, with a return address beside it.
  uintptr_t caller_fp, caller_pc;
  constexpr uintptr_t kMaxFrame = 1 << 20;
  if (r.fp % kWord != 0 || r.fp < r.sp || r.fp - r.sp > kMaxFrame || !memory->Read(r.fp, &caller_fp) ||
      !memory->Read(r.fp + kWord, &caller_pc) || caller_pc < kLowestCode || caller_pc >= kUserEnd) {
    return Step::kLost;
  }
  r = {caller_pc, r.fp + 2 * kWord, caller_fp};
  return Step::kCalled;
}

template <class Memory>
Step StepByRule(Rule rule, Registers* registers, Memory* memory) {
  Registers& r = *registers;
  uintptr_t cfa;
  switch (rule.kind()) {
    case Rule::kSp:
    case Rule::kFp:
      cfa = (rule.kind() == Rule::kSp ? r.sp : r.fp) + static_cast<uintptr_t>(rule.a());
      break;
    case Rule::kFpDeref:
      if (!memory->Read(r.fp + static_cast<uintptr_t>(rule.a()), &cfa)) return Step::kLost;
      break;
    case Rule::kPlt:
      cfa = r.sp + 8 + (static_cast<int64_t>(r.pc & 15) >= rule.a() ? 8 : 0);
      break;
    case Rule::kSignal:
      return StepFromSignal(registers, memory);
    case Rule::kNoCfi:
      return StepByFramePointer(registers, memory);
    case Rule::kEnd:
      return Step::kEnd;
    default:
      return Step::kLost;
  }
  // A frame that does not lie above the one it called would make an endless walk, unless its code changed to
  // another stack.
  uintptr_t caller_pc, caller_fp = r.fp;
  if (cfa <= r.sp && (rule.kind() == Rule::kSp || cfa == r.sp || !memory->MayGoDown(r.sp, cfa)))
    return Step::kLost;
  if (!memory->Read(cfa - kWord, &caller_pc)) return Step::kLost;
  if (rule.fp_saved()) {
    uintptr_t slot = (rule.fp_saved_at_fp() ? r.fp : cfa) + static_cast<uintptr_t>(rule.b());
    if (!memory->Read(slot, &caller_fp)) return Step::kLost;
  }
  r = {caller_pc, cfa, caller_fp};
  return caller_pc == 0 ? Step::kEnd : Step::kCalled;
}

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_STEP_STEP_X86_64_H_
