// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/step/rule_of_row.h"

namespace heapprof::unwind {

Rule RuleFromCfi(const UnwindTables& tables, uintptr_t pc) {
  CfiRow row;
  switch (RowFromCfi(tables, pc, &row)) {
    case CfiAnswer::kRow:
      return RuleOfRow(row);
    case CfiAnswer::kNoCfi:
      return Rule::Of(Rule::kNoCfi);
    case CfiAnswer::kNonsense:
      break;
  }
  return Rule::Of(Rule::kNoRule);
}

}  // namespace heapprof::unwind
