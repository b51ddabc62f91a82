// SPDX-License-Identifier: Apache-2.0
// The lock of the loader's list of modules, which dl_iterate_phdr takes.
//
// libc's fork neither takes it nor makes it new in the child. If another thread of the parent was inside of
// dlopen, dlclose or dl_iterate_phdr, then nobody gives it back there, and who asks for it waits for ever. It
// cannot be tried. So a child of a fork beside threads asks the loader nothing that takes it.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_SYSTEM_LOADER_LOCK_H_
#define HEAPPROF_BASE_SYSTEM_LOADER_LOCK_H_

#include <atomic>

namespace heapprof {

// Set in the child, before it has threads, and for good.
inline std::atomic<bool> g_loader_lock_may_be_lost{false};

// relaxed: threads are born after it was set.
inline bool LoaderLockMayBeLost() { return g_loader_lock_may_be_lost.load(std::memory_order_relaxed); }
inline void NoteForkBesideThreads() { g_loader_lock_may_be_lost.store(true, std::memory_order_relaxed); }

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_LOADER_LOCK_H_
