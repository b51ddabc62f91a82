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
#define HEAPPROF_CALLER_FRAME()                                                                         \
  (::heapprof::CallerFrame{reinterpret_cast<uintptr_t>(__builtin_return_address(0)),                    \
                           reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) + 2 * sizeof(void*), \
                           *reinterpret_cast<uintptr_t*>(__builtin_frame_address(0))})

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_UNWIND_CALLER_FRAME_H_
