// SPDX-License-Identifier: Apache-2.0
// Runs a function on another stack.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Needs about 32 bytes of the stack it is called
// on.
#ifndef HEAPPROF_BASE_SYSTEM_CALL_ON_STACK_H_
#define HEAPPROF_BASE_SYSTEM_CALL_ON_STACK_H_

namespace heapprof {

// Calls function(argument) with the stack pointer at `stack_top` (16-byte aligned) and comes back. A debugger
// sees the caller's frames behind it.
void CallOnStack(void (*function)(void*), void* argument, void* stack_top);

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_CALL_ON_STACK_H_
