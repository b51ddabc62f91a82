// SPDX-License-Identifier: Apache-2.0
// The parts of thread_walker.h that do not trace: the walk of a thread that is held, and the signal that
// holds one.
//
// Thread-safety: one user at a time (StopLock). Signal-safety: yes. Allocates: mmap only.
#ifndef HEAPPROF_SAMPLING_LOOK_WALK_BY_SIGNAL_H_
#define HEAPPROF_SAMPLING_LOOK_WALK_BY_SIGNAL_H_

#include <stdint.h>
#include <ucontext.h>

#include "sampling/look/thread_walker.h"

namespace heapprof {

// Fills in what the stack of a thread that is held, and its thread-local storage, say.
void WalkHeldThread(uintptr_t control_block, const ucontext_t& context, WalkedThread* thread);

// Holds the thread by the signal for the walk, and waits for it for at most `patience` nanoseconds. `folder`
// may be nullptr.
void WalkBySignal(WalkedThread* thread, const TaskFolder* folder, int64_t patience);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_LOOK_WALK_BY_SIGNAL_H_
