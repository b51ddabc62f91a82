// SPDX-License-Identifier: Apache-2.0
// Extent hooks of the program's (mallctl arena.<i>.extent_hooks, arenas.create): jemalloc gets a set of ours,
// which notes what the program's set maps for it.
//
// Else the leak check would take that memory, which holds the blocks and what was freed, for the program's
// own. Whoever reads the hooks gets the program's set.
//
// Thread-safety: yes. Signal-safety: no. Allocates: mmap only, a page for each set, which stays;
// one more where its address comes again with other parts missing.
#ifndef HEAPPROF_ALLOC_ENTRY_EXTENT_HOOKS_H_
#define HEAPPROF_ALLOC_ENTRY_EXTENT_HOOKS_H_

namespace heapprof {

// What jemalloc is to be given for the program's `hooks`; `hooks` itself if it is jemalloc's own set.
const void* NotingHooks(const void* hooks);
// The program's set for one that jemalloc has.
const void* HooksOfProgram(const void* hooks);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_ENTRY_EXTENT_HOOKS_H_
