// SPDX-License-Identifier: Apache-2.0
// Small pieces of the profiler's own memory that live for ever, taken one after the other from larger chunks.
//
// Thread-safety: one caller at a time. Signal-safety: no. Allocates: mmap only, within metadata_limit.
// Invariant: a piece is zeroed memory, as nothing is given back.
#ifndef HEAPPROF_BASE_MEMORY_BUMP_ALLOCATOR_H_
#define HEAPPROF_BASE_MEMORY_BUMP_ALLOCATOR_H_

#include <stddef.h>
#include <stdint.h>

#include "base/memory/arena.h"

namespace heapprof {

class BumpAllocator {
 public:
  static constexpr size_t kChunk = 64 << 10;  // the largest piece

  // `alignment` is a power of two, at most a page. nullptr: no memory, or `size` is more than kChunk.
  void* Take(size_t size, size_t alignment) {
    if (size > kChunk) return nullptr;
    const size_t skipped = -reinterpret_cast<uintptr_t>(at_) & (alignment - 1);
    if (skipped + size > left_) {
      at_ = static_cast<char*>(MapMetadata(kChunk));
      left_ = at_ == nullptr ? 0 : kChunk;
      if (at_ == nullptr) return nullptr;
      return Cut(size);
    }
    Cut(skipped);
    return Cut(size);
  }

 private:
  void* Cut(size_t size) {
    void* taken = at_;
    at_ += size;
    left_ -= size;
    return taken;
  }

  char* at_ = nullptr;
  size_t left_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_BASE_MEMORY_BUMP_ALLOCATOR_H_
