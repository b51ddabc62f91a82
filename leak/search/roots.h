// SPDX-License-Identifier: Apache-2.0
// What the program can still name: where the search for reachable blocks begins.
//
//   writable mappings, files' and anonymous    but jemalloc's, our tables, our own data, and stacks
//   stacks of threads                          from the stack pointer up, with TLS and control block above
//   registers                                  of stopped threads and of the caller
//   regions that the program registered
// Stacks of threads that have ended are none, but for the result that a join is still to fetch.
//
// Thread-safety: none needed, the world is stopped; regions: yes. Signal-safety: yes. Allocates: mmap only.
#ifndef HEAPPROF_LEAK_SEARCH_ROOTS_H_
#define HEAPPROF_LEAK_SEARCH_ROOTS_H_

#include <stddef.h>

#include "leak/search/marking.h"
#include "leak/search/memory_map.h"
#include "sampling/stop/stop_signal.h"
#include "sampling/stop/stop_world.h"

namespace heapprof::leak {

// Looks where our own data is. Called once, at start.
void InitRoots();

// Adds all roots to `marking`. False: no memory.
bool AddRoots(const MemoryMap& map, const StoppedWorld& world, const SavedRegisters& caller,
              Marking* marking);

// Regions of the program: memory that the map does not show as its data. False: no room.
bool RegisterRegion(const void* start, size_t size);
// False: there is no such region.
bool UnregisterRegion(const void* start, size_t size);

// Set by alloc at start: blocks from before thread-local storage, and what the allocator keeps in
// thread-local storage of the calling thread.
struct AllocatorMemory {
  AddressRange (*early_blocks)();
  AddressRange thread_data;
};
void SetAllocatorMemory(const AllocatorMemory& memory);

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_SEARCH_ROOTS_H_
