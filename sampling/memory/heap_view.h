// SPDX-License-Identifier: Apache-2.0
// The allocator's memory as it is at this moment: extents, what each is for, and what threads keep in their
// caches. Set by alloc at start, which alone knows the allocator.
//
// Looking takes no lock, as a signal handler does it whatever was interrupted. Other threads go on: what is
// read of an extent that they change meanwhile may be wrong, but lies within the extent.
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_MEMORY_HEAP_VIEW_H_
#define HEAPPROF_SAMPLING_MEMORY_HEAP_VIEW_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

// Classes of sizes are numbered from the smallest.
inline constexpr uint32_t kMaxSizeClasses = 256;

struct HeapExtent {
  enum class Use {
    kSlab,      // equal blocks of one class
    kLarge,     // one block
    kDirty,     // free, as the program left it
    kMuzzy,     // free, offered to the kernel
    kRetained,  // free, given back to the kernel: addresses only
    kUnknown
  };
  uintptr_t start, end;
  Use use;
  uint32_t size_class;  // of the blocks
  uintptr_t block;      // the first or only one
  uint32_t blocks;      // of a slab; 1
  uint32_t free;        // of those
  uint64_t free_bits;   // which of the first 64: bit i is block i
};

// How many blocks of each class lie in a thread's cache.
struct CachedBlocks {
  uint32_t of[kMaxSizeClasses];
};

struct HeapView {
  // The extent that begins at `address`; false: there is none, as far as can be told.
  bool (*extent_at)(uintptr_t address, HeapExtent* extent);
  // Adds the blocks that the thread of this control block has in its cache.
  void (*add_cached)(uintptr_t control_block, CachedBlocks* sum);
  size_t (*class_size)(uint32_t size_class);
  // The bytes that a request is served with.
  size_t (*usable)(size_t size, size_t alignment);
};

// nullptr: the allocator is none that can be looked into.
void SetHeapView(const HeapView* view);
const HeapView* GetHeapView();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MEMORY_HEAP_VIEW_H_
