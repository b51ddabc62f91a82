// SPDX-License-Identifier: Apache-2.0
// Where a stack walk starts: the registers of the function that called the allocator.
//
// Thread-safety, signal-safety: plain data. Allocates: never.
#ifndef HEAPPROF_SAMPLING_UNWIND_CALLER_FRAME_H_
#define HEAPPROF_SAMPLING_UNWIND_CALLER_FRAME_H_

#include <stdint.h>

namespace heapprof {

// The registers of the function that called malloc, as they will be after malloc returned.
struct CallerFrame {
  uintptr_t pc;  // return address
  uintptr_t sp;
  uintptr_t fp;  // rbp, x29
};

// In a function that was reached from the program by a call or by tail jumps only: its caller's frame. The
// function must not be inlined into its own callers.
#define HEAPPROF_CALLER_FRAME()                                                      \
  (::heapprof::CallerFrame{reinterpret_cast<uintptr_t>(__builtin_return_address(0)), \
                           HEAPPROF_STACK_OF_CALLER(),                               \
                           *reinterpret_cast<uintptr_t*>(__builtin_frame_address(0))})

// A frame ends with the caller's frame pointer and the return address on x86-64, and begins with them on
// aarch64.
#if defined(__aarch64__)
#define HEAPPROF_STACK_OF_CALLER() reinterpret_cast<uintptr_t>(__builtin_dwarf_cfa())
#else
#define HEAPPROF_STACK_OF_CALLER() \
  (reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) + 2 * sizeof(void*))
#endif

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_UNWIND_CALLER_FRAME_H_
