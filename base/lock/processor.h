// SPDX-License-Identifier: Apache-2.0
// What each architecture has a word of its own for: the order of its loads, hints to it.
//
// Thread-safety, signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_LOCK_PROCESSOR_H_
#define HEAPPROF_BASE_LOCK_PROCESSOR_H_

namespace heapprof {

// Whether the processor makes all loads in the order of the program, as others see it.
#if defined(__aarch64__)
inline constexpr bool kKeepsLoadsInOrder = false;
#else
inline constexpr bool kKeepsLoadsInOrder = true;
#endif

// In each turn of a loop that waits for another processor: it takes less from its neighbour.
inline void Pause() {
#if defined(__aarch64__)
  asm volatile("yield" : : : "memory");
#else
  __builtin_ia32_pause();
#endif
}

// `value` will be written soon.
template <typename T>
inline void PrepareToWrite(const T* value) {
#if defined(__aarch64__)
  __builtin_prefetch(value, 1);
#else
  asm volatile("prefetchw %0" : : "m"(*value));  // gcc's own word for it would be another without -mprfchw
#endif
}

}  // namespace heapprof

#endif  // HEAPPROF_BASE_LOCK_PROCESSOR_H_
