// SPDX-License-Identifier: Apache-2.0
// Memory of the profiler itself: mapped, never from the heap, and bounded by the option metadata_limit.
//
//   MetadataBudget   how much may be mapped in all, and how much is
//   ChunkedArray<T>  elements with dense 32-bit ids; grows by chunks, elements never move; all are freed at
//                    once, or never
//
// Thread-safety: the budget, yes; ChunkedArray: one writer at a time (callers hold their lock), readers at
// any time for ids that were published to them. Signal-safety: reading, yes. Allocates: mmap only.
#ifndef HEAPPROF_BASE_MEMORY_ARENA_H_
#define HEAPPROF_BASE_MEMORY_ARENA_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/system/raw_syscall.h"

namespace heapprof {

// Sets the bound in bytes. Called once, before the first mapping.
void SetMetadataLimit(uint64_t bytes);

// Zeroed memory that counts against the limit; nullptr when the limit is reached or the kernel has none.
void* MapMetadata(size_t bytes);
// Gives memory back to the kernel and to the budget.
void UnmapMetadata(void* address, size_t bytes);
// Gives the pages back, and their share of the budget, but keeps the addresses: a reader without a lock that
// is still looking there reads zeros.
void RetireMetadata(void* address, size_t bytes);

// Bytes now mapped.
uint64_t MetadataBytes();

template <typename T, uint32_t kChunkBits, uint32_t kMaxChunks>
class ChunkedArray {
 public:
  static constexpr uint32_t kChunkSize = 1u << kChunkBits;

  // The element of an id below the capacity reached so far.
  T* At(uint32_t id) const {
    // acquire: the chunk's address before its first use (pairs with the release in Reserve).
    return &chunks_[id >> kChunkBits].load(std::memory_order_acquire)[id & (kChunkSize - 1)];
  }

  // The same for any id that a chunk could have; nullptr where there is none.
  T* Find(uint32_t id) const {
    // acquire: as above.
    T* chunk = chunks_[id >> kChunkBits].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : &chunk[id & (kChunkSize - 1)];
  }

  // Makes sure that ids [first, first + count) can be used; count must not exceed a chunk. False: no memory.
  bool Reserve(uint32_t first, uint32_t count) {
    uint64_t last = uint64_t{first} + count - 1;
    for (uint64_t chunk = first >> kChunkBits; chunk <= last >> kChunkBits; ++chunk) {
      if (chunk >= kMaxChunks) return false;
      if (chunks_[chunk].load(std::memory_order_relaxed) != nullptr) continue;
      T* memory = static_cast<T*>(MapMetadata(sizeof(T) * kChunkSize));
      if (memory == nullptr) return false;
      chunks_[chunk].store(memory, std::memory_order_release);
    }
    return true;
  }

  // Gives all chunks back. Nobody reads any more.
  void Free() {
    for (std::atomic<T*>& chunk : chunks_) {
      T* memory = chunk.load(std::memory_order_relaxed);
      if (memory == nullptr) break;  // chunks fill up in their order
      UnmapMetadata(memory, sizeof(T) * kChunkSize);
      chunk.store(nullptr, std::memory_order_relaxed);
    }
  }

 private:
  std::atomic<T*> chunks_[kMaxChunks] = {};
};

}  // namespace heapprof

#endif  // HEAPPROF_BASE_MEMORY_ARENA_H_
