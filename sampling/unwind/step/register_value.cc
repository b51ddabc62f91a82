// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/step/register_value.h"

namespace heapprof::unwind {

bool ValueOf(const CfiRegister& rule, uint64_t number, uintptr_t cfa, const FullRegisters& frame,
             const WordReader& memory, uintptr_t* value) {
  switch (rule.where) {
    case CfiRegister::kSame:
      if (!frame.Knows(number)) return false;
      *value = frame.value[number];
      return true;
    case CfiRegister::kAtCfa:
      return memory.Read(cfa + static_cast<uintptr_t>(rule.value), value);
    case CfiRegister::kCfaPlus:
      *value = cfa + static_cast<uintptr_t>(rule.value);
      return true;
    case CfiRegister::kInRegister: {
      auto other = static_cast<uint64_t>(rule.value);
      if (!frame.Knows(other)) return false;
      *value = frame.value[other];
      return true;
    }
    case CfiRegister::kAtExpression:
    case CfiRegister::kIsExpression: {
      uintptr_t result;
      if (!EvaluateExpression(static_cast<uintptr_t>(rule.value), rule.size, frame, &cfa, memory, &result)) {
        return false;
      }
      if (rule.where == CfiRegister::kAtExpression) return memory.Read(result, value);
      *value = result;
      return true;
    }
    case CfiRegister::kUndefined:
      break;
  }
  return false;
}

}  // namespace heapprof::unwind
