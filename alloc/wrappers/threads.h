// SPDX-License-Identifier: Apache-2.0
// pthread_create, and C11's thrd_create, as the program calls them.
//
// A new thread tells the recorder its stack bounds first thing, so that nobody has to ask libc for them
// inside malloc (pthread_getattr_np allocates).
//
// Thread-safety: yes. Signal-safety: as the functions wrapped, no. Allocates: nothing
// for up to 1024 threads that are being created at a time, a page by mmap for each more.
#ifndef HEAPPROF_ALLOC_WRAPPERS_THREADS_H_
#define HEAPPROF_ALLOC_WRAPPERS_THREADS_H_

#include <signal.h>
#include <stdint.h>

namespace heapprof {

// Reads the stack size of threads that are created without one. Called by Initialize.
void InitThreads();

// Keeps which thread is the first of the process. Called by the library's constructor, and in a child of
// fork.
void NoteFirstThread();

// First thing in a thread that libc has made to call `function` (SIGEV_THREAD), whose maker had these labels.
// `frame`: an address on its stack.
void NotifyThreadBegins(void (*function)(sigval), uint32_t labels, bool default_stack, uintptr_t frame);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_WRAPPERS_THREADS_H_
