// SPDX-License-Identifier: Apache-2.0
// The private jemalloc's extents and caches, read where they lie, without its locks.
//
// The tree that leads to the records of extents is never unmapped. Nor are the records, but for those of
// arenas that the program destroys, where they have memory of its own or retain:false holds: then, and in
// other threads' caches, reading is by a call that fails instead of faulting. Thread-safety: yes.
// Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_ALLOC_BACKEND_HEAP_PAGES_H_
#define HEAPPROF_ALLOC_BACKEND_HEAP_PAGES_H_

namespace heapprof {

// Tells sampling/memory/ how to look into jemalloc. Called once at start, in the thread whose control block
// tells where all threads have jemalloc's record of them.
void ShowHeapPages();

// From now on an arena may have memory of the program's.
void RecordsMayVanish();

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_BACKEND_HEAP_PAGES_H_
