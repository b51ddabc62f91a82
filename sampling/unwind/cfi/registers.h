// SPDX-License-Identifier: Apache-2.0
// What this architecture's registers are called in call frame information.
#ifndef HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERS_H_
#define HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERS_H_

#if defined(__aarch64__)
#include "sampling/unwind/cfi/registers_aarch64.h"

namespace heapprof::unwind {
using namespace aarch64;
}
#else
#include "sampling/unwind/cfi/registers_x86_64.h"
#endif

#endif  // HEAPPROF_SAMPLING_UNWIND_CFI_REGISTERS_H_
