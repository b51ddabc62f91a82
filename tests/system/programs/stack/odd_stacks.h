// SPDX-License-Identifier: Apache-2.0
// What the programs with unusual stacks share: each case allocates a size of its own and says how many frames
// libgcc's unwinder sees from there, which is what the profile has to show.
//
//   cut SIZE, or whole SIZE FRAMES
#ifndef HEAPPROF_TESTS_SYSTEM_PROGRAMS_STACK_ODD_STACKS_H_
#define HEAPPROF_TESTS_SYSTEM_PROGRAMS_STACK_ODD_STACKS_H_

#include <unwind.h>

#include "tests/system/programs/program.h"

static void* volatile g_blocks[64];
static size_t g_count;
static size_t g_size;

static _Unwind_Reason_Code CountFrame(struct _Unwind_Context* context, void* count) {
  if (_Unwind_GetIP(context) != 0) ++*(int*)count;
  return _URC_NO_REASON;
}

NOINLINE void alloc_here(void) {
  int frames = 0;
  g_blocks[g_count++] = malloc(g_size);
  _Unwind_Backtrace(CountFrame, &frames);
  printf("whole %zu %d\n", g_size, frames);
}

#endif  // HEAPPROF_TESTS_SYSTEM_PROGRAMS_STACK_ODD_STACKS_H_
