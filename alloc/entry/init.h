// SPDX-License-Identifier: Apache-2.0
// The start of the library: at the first call that takes the slow way, whoever makes it.
//
// That call may come from a constructor, from preinit_array, where `environ` does not exist yet, or from a
// coroutine's stack. So arguments and environment are read where the kernel put them, and nothing of libc
// that needs its own start is called. What does (signal handlers, exit hooks) waits for our constructor.
//
// Thread-safety: yes. Signal-safety: no. Allocates: by the backend only, as part of its own start.
#ifndef HEAPPROF_ALLOC_ENTRY_INIT_H_
#define HEAPPROF_ALLOC_ENTRY_INIT_H_

namespace heapprof {

extern bool g_initialized;

inline bool IsInitialized() {
  // acquire: what Initialize wrote is seen.
  return __atomic_load_n(&g_initialized, __ATOMIC_ACQUIRE);
}

// True in the thread that is about to start jemalloc, until that is done: what jemalloc calls of libc may be
// another preloaded library's, which allocates.
bool StartsBackendHere();

// Returns when the library is started, or at once when called again from within the start. Not before TLS.
void Initialize();

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_ENTRY_INIT_H_
