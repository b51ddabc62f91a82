// SPDX-License-Identifier: Apache-2.0
// What this architecture's threads look like: how many registers a callee keeps, and where their storage
// lies.
//
// Thread-safety, signal-safety: constants. Allocates: never.
#ifndef HEAPPROF_SAMPLING_STOP_THREAD_LAYOUT_H_
#define HEAPPROF_SAMPLING_STOP_THREAD_LAYOUT_H_

#include <stddef.h>

namespace heapprof {

// A control block is what the thread pointer points at. On x86-64 libc's descriptor begins there, and the
// thread-local storage ends. On aarch64 the descriptor ends there, and the storage begins behind two words.
#if defined(__aarch64__)
inline constexpr size_t kKeptCount = 12;  // x19 to x30
inline constexpr bool kStorageAbove = true;
#else
inline constexpr size_t kKeptCount = 6;  // rbx, rbp, r12 to r15
inline constexpr bool kStorageAbove = false;
#endif

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_THREAD_LAYOUT_H_
