// SPDX-License-Identifier: Apache-2.0
// What code stands at a return address: for frames without CFI, whose caller is a guess by the frame pointer.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Locks: none. errno is left alone. Code is read by
// a call that fails instead of faulting.
#ifndef HEAPPROF_SAMPLING_UNWIND_STEP_RETURN_ADDRESS_H_
#define HEAPPROF_SAMPLING_UNWIND_STEP_RETURN_ADDRESS_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof::unwind {

// Whether a call can come back to `pc`: one stands before it. Code without CFI, a JIT's, may also put return
// addresses on the stack by itself; those lie in executable memory at least.
bool MayReturnTo(uintptr_t pc);

// Whether `pc`, of no code with CFI, lies in executable memory.
bool MayBeExecuted(uintptr_t pc);

// Whether a function begins at `pc`, of a frame without CFI, and no call stands before it: somebody put the
// address there, as makecontext does, and there is no caller.
bool BeginsFunction(uintptr_t pc);

// The longest call instruction there is.
inline constexpr size_t kLongestCall = 7;
// Whether the `size` bytes before `end` close with a call instruction.
bool EndsWithCall(const unsigned char* end, size_t size);

// Whether the code at `pc` is rt_sigreturn's.
bool CallsSigreturn(uintptr_t pc);

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_STEP_RETURN_ADDRESS_H_
