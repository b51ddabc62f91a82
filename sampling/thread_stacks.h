// The stacks that libc made for threads, of threads that have ended too.
//
// libc keeps the stack of a thread that ended for the next one: memory of the program's by its looks, full of
// stale pointers. A stack is known by the thread's control block, which lies at its upper end.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_THREAD_STACKS_H_
#define HEAPPROF_SAMPLING_THREAD_STACKS_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

// Called in a new thread whose stack libc made; `control_block` is what pthread_self() is.
void NoteThreadStack(uintptr_t control_block);

// How many there have been: a bound for the index below.
size_t ThreadStackCount();
// The control block of the index'th stack; 0: none. It may have been unmapped since.
uintptr_t ThreadStackAt(size_t index);

// What a creator hands to its thread passes through memory that the leak check does not follow: it is held
// here from before the creation until the thread has it. A slot is nullptr when all are taken.
using ArgumentSlot = void*;
ArgumentSlot* HoldThreadArgument(void* argument);
void ReleaseThreadArgument(ArgumentSlot* slot);
inline constexpr size_t kArgumentSlots = 1024;
void* HeldThreadArgument(size_t index);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_THREAD_STACKS_H_
