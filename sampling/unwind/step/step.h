// SPDX-License-Identifier: Apache-2.0
// One step of a walk, by a rule of one word.
#ifndef HEAPPROF_SAMPLING_UNWIND_STEP_STEP_H_
#define HEAPPROF_SAMPLING_UNWIND_STEP_STEP_H_

#if defined(__aarch64__)
#include "sampling/unwind/cfi/registers.h"
#include "sampling/unwind/step/rule.h"
#include "sampling/unwind/step/step_aarch64.h"
#else
#include "sampling/unwind/step/step_x86_64.h"
#endif

#endif  // HEAPPROF_SAMPLING_UNWIND_STEP_STEP_H_
