// SPDX-License-Identifier: Apache-2.0
// jemalloc's controls (mallctl): handed on, but for those that make or discard blocks.
//
// `arena.<i>.reset` and `arena.<i>.destroy` go by way of alloc/entry/arena_reset; the blocks of
// `experimental.batch_alloc` are counted and sampled as those of mallocx; extent hooks are
// wrapped (alloc/entry/extent_hooks).
//
// Thread-safety: yes. Signal-safety: no. Allocates: what the control does.
#ifndef HEAPPROF_ALLOC_ENTRY_CONTROLS_H_
#define HEAPPROF_ALLOC_ENTRY_CONTROLS_H_

#include <stddef.h>

#include "sampling/unwind/caller_frame.h"

namespace heapprof {

// What is read and what is written, as mallctl has them.
struct ControlValues {
  void* old;
  size_t* old_size;
  void* fresh;
  size_t fresh_size;
};

// Once, at start, when jemalloc is ready.
void InitControls();

int ControlByName(const char* name, const ControlValues& values, const CallerFrame& caller);
int ControlByMib(const size_t* mib, size_t length, const ControlValues& values, const CallerFrame& caller);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_ENTRY_CONTROLS_H_
