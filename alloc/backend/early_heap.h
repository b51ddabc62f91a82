// SPDX-License-Identifier: Apache-2.0
// The heap of the earliest calls: those made while thread-local storage does not exist yet, or from within
// jemalloc's own start.
//
// The dynamic loader fills the main thread's TLS only after every object is relocated. An IFUNC resolver that
// allocates runs before that: what it writes to TLS is wiped later, and neither jemalloc nor the recorder can
// work. Its blocks come from here. So do those of a preloaded library whose wrapper of a libc function
// allocates when jemalloc's start calls it: jemalloc would wait for itself. They are never reused (there are
// a handful), stay valid for good, and start on a page, so that free(), which sends page-aligned blocks the
// slow way, recognises them by address.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never from the heap; maps its pages once.
// Invariants: a block's size stands in the 8 bytes before it.
#ifndef HEAPPROF_ALLOC_BACKEND_EARLY_HEAP_H_
#define HEAPPROF_ALLOC_BACKEND_EARLY_HEAP_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/system/own_mappings.h"

namespace heapprof {

inline constexpr size_t kEarlyHeapSize = 64 << 20;  // address space; pages are taken when touched
extern std::atomic<uintptr_t> g_early_heap;         // 0: nobody was that early

// True while the calling thread's TLS has not been filled in.
bool BeforeTls();

// Zeroed memory for `size` bytes at `alignment`, a power of two. nullptr when the early heap is used up;
// errno is not set, as it is thread-local.
void* EarlyAllocate(size_t size, size_t alignment);

inline bool IsEarlyBlock(const void* block) {
  // relaxed: whoever has such a block has been told of it by someone who saw the address.
  uintptr_t heap = g_early_heap.load(std::memory_order_relaxed);
  return heap != 0 && reinterpret_cast<uintptr_t>(block) - heap < kEarlyHeapSize;
}

// The part of the early heap that is in use.
AddressRange EarlyBlocks();

// The size that the block was asked for with.
size_t EarlyBlockSize(const void* block);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_BACKEND_EARLY_HEAP_H_
