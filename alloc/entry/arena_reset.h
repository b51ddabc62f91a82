// SPDX-License-Identifier: Apache-2.0
// `arena.<i>.reset` and `arena.<i>.destroy`, by which jemalloc discards all blocks of an arena without a
// free.
//
// The samples among them leave the live table at the very moment: after jemalloc has found that it will do
// it, and before the first block is gone (its arena_reset is ours, see alloc/backend/private_jemalloc.cmake).
//
// Thread-safety: yes, one reset at a time. Signal-safety: no. Allocates: 8 bytes a live sample, by mmap,
// while it runs. Lock: one of its own, taken before all others, with signals blocked.
#ifndef HEAPPROF_ALLOC_ENTRY_ARENA_RESET_H_
#define HEAPPROF_ALLOC_ENTRY_ARENA_RESET_H_

#include <stddef.h>

namespace heapprof {

// "arena", the index, "reset" or "destroy".
inline constexpr size_t kResetMibLength = 3;

// As hpje_mallctlbymib of such a mib. EAGAIN: there is no memory for it, and nothing was discarded.
int ResetArena(const size_t* mib, void* old, size_t* old_size, void* fresh, size_t fresh_size);

// Signals are blocked. A reset that another thread has begun comes to its end first. False: that takes longer
// than kForkPatience.
bool LockArenaResetForFork();
void UnlockArenaResetInParent();
void UnlockArenaResetInChild();

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_ENTRY_ARENA_RESET_H_
