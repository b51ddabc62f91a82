// SPDX-License-Identifier: Apache-2.0
// The allocator's memory by what it is for, extent by extent, and what of it live samples have.
//
// A block that is an extent of its own, or alone in its slab, is looked up among the live samples, and its
// pages are counted: what was allocated and never touched is mapped and not resident. In slabs of more blocks
// those in use are taken to be resident as far as the slab is.
// Thread-safety: an object belongs to one thread. Signal-safety: yes. Allocates: mmap only, 32 bytes a
// bucket.
#ifndef HEAPPROF_SAMPLING_MEMORY_HEAP_ACCOUNT_H_
#define HEAPPROF_SAMPLING_MEMORY_HEAP_ACCOUNT_H_

#include <stddef.h>
#include <stdint.h>

#include "sampling/memory/heap_view.h"
#include "sampling/memory/resident_pages.h"

namespace heapprof {

struct MemoryBytes {
  uint64_t resident = 0, mapped = 0;
};

// Live samples of a bucket that were found in the heap: how many, and the bytes of their blocks.
struct FoundBlocks {
  uint64_t count;
  uint64_t asked;  // resident, of what was asked for
  uint64_t rest;   // resident, of what the class adds
  uint64_t usable;
};

class HeapAccount {
 public:
  HeapAccount() = default;
  ~HeapAccount();
  HeapAccount(const HeapAccount&) = delete;
  HeapAccount& operator=(const HeapAccount&) = delete;

  // For the buckets 1..`buckets`. False: no memory.
  bool Init(uint32_t buckets);
  // `pages` stands at the extent's start; its end afterwards.
  void Add(const HeapExtent& extent, ResidentPages* pages);
  // What lies in threads' caches is not live.
  void TakeCached(const CachedBlocks& cached);

  // Blocks that the program has.
  const MemoryBytes& live() const { return live_; }
  const MemoryBytes& cached() const { return cached_; }
  const MemoryBytes& free_in(uint32_t size_class) const { return slabs_[size_class]; }
  // Of blocks in use that lie in slabs of this block size: the part that is resident.
  double ResidentShare(size_t block_size) const;
  const MemoryBytes& dirty() const { return dirty_; }
  const MemoryBytes& muzzy() const { return muzzy_; }
  const MemoryBytes& retained() const { return retained_; }
  const MemoryBytes& unknown() const { return unknown_; }
  uint32_t buckets() const { return buckets_; }
  const FoundBlocks& found(uint32_t bucket) const { return found_[bucket]; }

 private:
  void AddSlab(const HeapExtent& extent, uint64_t resident);
  void AddBlock(const HeapExtent& extent, ResidentPages* pages);
  void CountLive(uint32_t size_class, uint64_t resident, uint64_t mapped);

  MemoryBytes live_, cached_, dirty_, muzzy_, retained_, unknown_;
  // Of slabs: free places and blocks in use. `taken_`: blocks in use of slabs and alone. By class.
  MemoryBytes slabs_[kMaxSizeClasses], used_[kMaxSizeClasses], taken_[kMaxSizeClasses];
  FoundBlocks* found_ = nullptr;
  uint32_t buckets_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MEMORY_HEAP_ACCOUNT_H_
