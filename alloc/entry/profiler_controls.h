// SPDX-License-Identifier: Apache-2.0
// jemalloc's controls of its profiler (prof.*, thread.prof.*, and those of opt.* that tell of it), which act
// on heapprof where the program's settings turn the profiler on. Otherwise jemalloc's own answers are the
// right ones.
//
// Thread-safety: yes. Signal-safety: no. Allocates: never.
#ifndef HEAPPROF_ALLOC_ENTRY_PROFILER_CONTROLS_H_
#define HEAPPROF_ALLOC_ENTRY_PROFILER_CONTROLS_H_

#include <stddef.h>

#include "alloc/entry/controls.h"

namespace heapprof {

// Once, at start, when jemalloc is ready.
void InitProfilerControls();

// False: the control is none of these, and jemalloc is to be asked. Else *result is what mallctl returns.
bool ControlProfilerByName(const char* name, const ControlValues& values, int* result);
bool ControlProfilerByMib(const size_t* mib, size_t length, const ControlValues& values, int* result);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_ENTRY_PROFILER_CONTROLS_H_
