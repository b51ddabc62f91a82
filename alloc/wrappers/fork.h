// SPDX-License-Identifier: Apache-2.0
// fork: our handlers and jemalloc's are registered before anybody else's.
//
// libc runs prepare handlers last-registered first, the others first-registered first. Being first to
// register, ours run last before the fork and first after it, so that every handler of the program may
// allocate, those that preinit_array registers too. For that the library exports __register_atfork, where
// pthread_atfork of every object ends, and catches jemalloc's own registration (hpje_register_atfork).
//
// Thread-safety: yes. Signal-safety: as fork itself. Allocates: never.
#ifndef HEAPPROF_ALLOC_WRAPPERS_FORK_H_
#define HEAPPROF_ALLOC_WRAPPERS_FORK_H_

namespace heapprof {

// Called by Initialize, after jemalloc's start and FindNextFunctions.
void RegisterForkHandlers();

// In a child, which has neither its parent's timers nor what its queues were to notify. notify.cc's, which is
// no part of the archive.
void NotificationsAfterForkInChild() __attribute__((weak));

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_WRAPPERS_FORK_H_
