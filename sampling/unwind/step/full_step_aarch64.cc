// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/step/full_step.h"
#include "sampling/unwind/step/register_value.h"

namespace heapprof::unwind {
bool FullRegisters::SetFromContext(uintptr_t address, const WordReader& memory) {
  static_assert(kContextSp == kContextRegisters + kSp * kWord &&
                kContextPc == kContextRegisters + kReturnAddress * kWord);
  for (uint64_t number = 0; number < kCount; ++number) {
    uintptr_t read;
    if (!memory.Read(address + kContextRegisters + number * kWord, &read)) return false;
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
    const CfiRegister& rule = *row.of(number);
    const bool kept = rule.where == CfiRegister::kSame;
    uintptr_t value;
    if (number == kSp && kept) {
      caller.Set(kSp, cfa);
    } else if (ValueOf(rule, number == kReturnAddress && kept ? kX30 : number, cfa, frame, memory, &value)) {
      caller.Set(number, number == kReturnAddress ? StripAuthentication(value) : value);
    }
  }
  if (!caller.Knows(kReturnAddress) || !caller.Knows(kSp)) return Step::kLost;
  // A frame that does not lie above the one it called would make an endless walk, but on another stack. A
  // leaf's may be none at all.
  const bool may_stay = row.of(kSp)->where != CfiRegister::kSame ||
                        return_address.where == CfiRegister::kSame ||
                        return_address.where == CfiRegister::kInRegister;
  const uintptr_t from = frame.value[kSp], to = caller.value[kSp];
  if ((to < from && !memory.MayGoDown(from, to)) || (to == from && !may_stay)) return Step::kLost;
  *registers = caller;
  return caller.value[kReturnAddress] == 0 ? Step::kEnd : Step::kCalled;
}

}  // namespace heapprof::unwind
