// SPDX-License-Identifier: Apache-2.0
// A row of call frame information as a rule of one word.
//
// Thread-safety, signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_UNWIND_STEP_RULE_OF_ROW_H_
#define HEAPPROF_SAMPLING_UNWIND_STEP_RULE_OF_ROW_H_

#include "sampling/unwind/cfi/cfi.h"
#include "sampling/unwind/cfi/cfi_row.h"
#include "sampling/unwind/step/rule.h"

namespace heapprof::unwind {

// kNoRule where the row does not fit one word.
Rule RuleOfRow(const CfiRow& row);
// Of the row at `pc`; kNoRule too when that is nonsense.
Rule RuleFromCfi(const UnwindTables& tables, uintptr_t pc);

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_STEP_RULE_OF_ROW_H_
