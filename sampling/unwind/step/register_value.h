// SPDX-License-Identifier: Apache-2.0
// What a register had in the caller, by a row's rule for it.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_UNWIND_STEP_REGISTER_VALUE_H_
#define HEAPPROF_SAMPLING_UNWIND_STEP_REGISTER_VALUE_H_

#include <stdint.h>

#include "sampling/unwind/step/full_step.h"

namespace heapprof::unwind {

// False: it cannot be told. `number` is the register's own in `frame`, for a rule that leaves it as it is.
bool ValueOf(const CfiRegister& rule, uint64_t number, uintptr_t cfa, const FullRegisters& frame,
             const WordReader& memory, uintptr_t* value);

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_STEP_REGISTER_VALUE_H_
