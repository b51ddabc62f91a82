// SPDX-License-Identifier: Apache-2.0
// The unwind rule of one PC, in one machine word.
#ifndef HEAPPROF_SAMPLING_UNWIND_STEP_RULE_H_
#define HEAPPROF_SAMPLING_UNWIND_STEP_RULE_H_

#if defined(__aarch64__)
#include "sampling/unwind/step/rule_aarch64.h"

namespace heapprof::unwind {
using aarch64::Rule;
}
#else
#include "sampling/unwind/step/rule_x86_64.h"
#endif

#endif  // HEAPPROF_SAMPLING_UNWIND_STEP_RULE_H_
