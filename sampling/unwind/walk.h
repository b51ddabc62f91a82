// SPDX-License-Identifier: Apache-2.0
// Walks a stack by the rules of rule.h: from a frame to its callers.
//
// Right for unmodified binaries without frame pointers; where code has no CFI (a JIT's) the frame pointer is
// followed if it is plausible. Every word of the stack is read inside the thread's known stack, or on a page
// that was asked for first: corrupt stacks, coroutines and a stack overflow end the walk, never the program.
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Locks: none. errno is left alone.
#ifndef HEAPPROF_SAMPLING_UNWIND_WALK_H_
#define HEAPPROF_SAMPLING_UNWIND_WALK_H_

#include <stdint.h>
#include <ucontext.h>

#include "sampling/unwind/caller_frame.h"

namespace heapprof {

// The part of memory that is this thread's stack, [low, high); {0, 0}: not known, so that pages are asked
// for.
struct StackBounds {
  uintptr_t low, high;
};

// Whether a walk met something it could not follow; more than `max` frames is not that.
struct Truncation {
  enum Kind : uint8_t {
    kNone,
    kLost,
    kInBareCode,  // code without unwind tables, from which the frame pointer led nowhere: most JITs'
  };
};

struct WalkResult {
  uint32_t depth;
  Truncation::Kind truncated;
  bool in_handler;  // a signal frame was met: the walk began in a handler
  uint64_t hash;    // of the PCs in their order
};

// Fills `pcs` with up to `max` return addresses, `start.pc` first.
WalkResult WalkStack(const CallerFrame& start, const StackBounds& bounds, uintptr_t* pcs, uint32_t max);

// The same from the place that a signal handler's ucontext says was interrupted: pcs[0] is the exact address
// there, the others are return addresses. `bounds` are the interrupted thread's stack's; the handler may run
// on another. A call through a null pointer shows as its pc, 0 or near it, and its caller.
WalkResult WalkStackFromContext(const ucontext_t& context, const StackBounds& bounds, uintptr_t* pcs,
                                uint32_t max);

// To be called when a module may have been unloaded: rules of its PCs are forgotten.
void UnwindCacheModulesChanged();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_UNWIND_WALK_H_
