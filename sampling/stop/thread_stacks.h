// SPDX-License-Identifier: Apache-2.0
// The stacks of threads, those that libc made of threads that have ended too.
//
// libc keeps the stack of a thread that ended for the next one: memory of the program's by its looks, full of
// stale pointers. A stack is known by the thread's control block, which lies at its upper end.
//
// Thread-safety: yes; of two stacks with one control block, which follow each other, the later one counts.
// Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_STOP_THREAD_STACKS_H_
#define HEAPPROF_SAMPLING_STOP_THREAD_STACKS_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

struct ThreadStack {
  uintptr_t low;  // where a stack of the program's begins; 0: libc made it
  size_t size;    // of libc's, as asked for; from the end of the control block's page down
  bool guarded;   // libc put pages without rights below it
};

// Called in a new thread; `control_block` is its ControlBlock().
void NoteThreadStack(uintptr_t control_block, const ThreadStack& stack);
// False: no such stack was noted.
bool FindThreadStack(uintptr_t control_block, ThreadStack* stack);

// How many there have been: a bound for the index below.
size_t ThreadStackCount();
// The control block of the index'th stack; 0: none. It may have been unmapped since.
uintptr_t ThreadStackAt(size_t index);

// What a creator hands to its thread passes through memory that the leak check does not follow: it is held
// here from before the creation until the thread has it. A slot is nullptr when all are taken.
using ArgumentSlot = void*;
ArgumentSlot* HoldThreadArgument(void* argument);
void ReleaseThreadArgument(ArgumentSlot* slot);
inline constexpr size_t kArgumentSlots = 2048;
void* HeldThreadArgument(size_t index);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_THREAD_STACKS_H_
