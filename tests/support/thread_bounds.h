// SPDX-License-Identifier: Apache-2.0
// Where the calling thread's stack lies, asked of libc.
//
// Thread-safety: yes. Signal-safety: no. Allocates: yes, inside libc; this is code of tests.
#ifndef HEAPPROF_TESTS_SUPPORT_THREAD_BOUNDS_H_
#define HEAPPROF_TESTS_SUPPORT_THREAD_BOUNDS_H_

#include <pthread.h>
#include <stdint.h>

#include "sampling/unwind/walk.h"

namespace heapprof::test {

inline StackBounds BoundsOfThread() {
  pthread_attr_t attributes;
  void* low = nullptr;
  size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return {0, 0};
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  auto start = reinterpret_cast<uintptr_t>(low);
  return {start, start + size};
}

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SUPPORT_THREAD_BOUNDS_H_
