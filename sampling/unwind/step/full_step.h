// SPDX-License-Identifier: Apache-2.0
// A step with all the registers that a callee keeps, for the rows that no rule of one word can say: a CFA
// that is in rbx or r10, OpenSSL's expressions, the loader's resolver of functions.
//
//   CFA            = register + offset, or an expression
//   caller's rsp   = CFA
//   caller's others as the row says: kept, *(CFA + n), CFA + n, another register, an expression
//
// A register that a frame did not keep is not known from then on; a row that needs one ends the walk.
// Thread-safety: yes. Signal-safety: yes, in 1.5 KiB of stack. Allocates: never. Locks: none.
#ifndef HEAPPROF_SAMPLING_UNWIND_STEP_FULL_STEP_H_
#define HEAPPROF_SAMPLING_UNWIND_STEP_FULL_STEP_H_

#include <stdint.h>

#include "sampling/unwind/cfi/cfi_expression.h"
#include "sampling/unwind/cfi/cfi_row.h"
#include "sampling/unwind/step/step.h"

namespace heapprof::unwind {

// From the frame of `registers` to its caller's by `row`. kInterrupted where the row is a signal frame's.
Step StepByRow(const CfiRow& row, FullRegisters* registers, const WordReader& memory);

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_STEP_FULL_STEP_H_
