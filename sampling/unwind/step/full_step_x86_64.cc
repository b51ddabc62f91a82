// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/step/full_step.h"
#include "sampling/unwind/step/register_value.h"

namespace heapprof::unwind {
bool FullRegisters::SetFromContext(uintptr_t address, const WordReader& memory) {
  // In the order of DWARF: rax rdx rcx rbx rsi rdi rbp rsp r8-r15 rip.
  constexpr int kIndex[kCount] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                  REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  for (uint64_t number = 0; number < kCount; ++number) {
    uintptr_t word =
        address + offsetof(ucontext_t, uc_mcontext.gregs) + static_cast<uintptr_t>(kIndex[number]) * kWord;
    uintptr_t read;
    if (!memory.Read(word, &read)) return false;
    Set(number, read);
  }
  return true;
}

Step StepByRow(const CfiRow& row, FullRegisters* registers, const WordReader& memory) {
  const FullRegisters& frame = *registers;
  const CfiRegister& return_address = *row.of(kReturnAddress);
  if (return_address.where == CfiRegister::kUndefined) return Step::kEnd;
  uintptr_t cfa;
  if (row.cfa_expression != 0) {
    if (!EvaluateExpression(row.cfa_expression, row.cfa_expression_size, frame, nullptr, memory, &cfa)) {
      return Step::kLost;
    }
  } else {
    if (!frame.Knows(row.cfa_register)) return Step::kLost;
    cfa = frame.value[row.cfa_register] + static_cast<uintptr_t>(row.cfa_offset);
  }
  FullRegisters caller;
  for (uint64_t number : CfiRow::kKept) {
    uintptr_t value;
    if (number == kRsp && row.of(kRsp)->where == CfiRegister::kSame) {
      caller.Set(kRsp, cfa);
    } else if (ValueOf(*row.of(number), number, cfa, frame, memory, &value))
      caller.Set(number, value);
  }
  if (return_address.where == CfiRegister::kSame || !caller.Knows(kReturnAddress) || !caller.Knows(kRsp)) {
    return Step::kLost;
  }
  // A frame that does not lie above the one it called would make an endless walk, but on another stack. The
  // ends of longjmp and of an exception's landing have restored rsp already, and the way back is in a
  // register.
  const bool may_stay =
      row.of(kRsp)->where != CfiRegister::kSame || return_address.where == CfiRegister::kInRegister;
  const uintptr_t from = frame.value[kRsp], to = caller.value[kRsp];
  if ((to < from && !memory.MayGoDown(from, to)) || (to == from && !may_stay)) return Step::kLost;
  *registers = caller;
  if (caller.value[kReturnAddress] == 0) return Step::kEnd;
  return row.signal_frame ? Step::kInterrupted : Step::kCalled;
}

}  // namespace heapprof::unwind
