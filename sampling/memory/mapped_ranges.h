// SPDX-License-Identifier: Apache-2.0
// Which call mapped an address: disjoint ranges in ascending order, each with the number of a stack.
//
//   [start, end) -> stack
// Neighbours of one stack become one range, as the kernel makes one mapping of them. The ranges lie in chunks
// of at most kChunkRanges, so that a call that changes one moves a page of memory at most.
// Thread-safety: one at a time. Signal-safety: no (a reader that has interrupted a writer sees ranges that
// need not be in order, and none that were never there but for their ends). Allocates: mmap only, within
// metadata_limit; what finds no memory is not known. Zeroed memory is an empty object.
#ifndef HEAPPROF_SAMPLING_MEMORY_MAPPED_RANGES_H_
#define HEAPPROF_SAMPLING_MEMORY_MAPPED_RANGES_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

struct MappedRange {
  uintptr_t start, end;
  uint32_t stack;
  uint32_t alone;  // 1: stays apart from its neighbours
};

class MappedRanges {
 public:
  static constexpr uint32_t kChunkRanges = 169, kMaxChunks = 1024;

  // [start, end) is of this stack now, whatever it was before. False: no memory, it is of none.
  bool Add(const MappedRange& range);
  // [start, end) is not mapped any more. The stack that had all of it; 0: none, or several.
  uint32_t Remove(uintptr_t start, uintptr_t end);
  // The range that holds this address; false: there is none.
  bool Find(uintptr_t address, MappedRange* range) const;
  void Clear();

  size_t count() const { return count_; }
  // Copies up to `capacity` in ascending order; returns how many.
  size_t Copy(MappedRange* out, size_t capacity) const;

 private:
  struct Chunk {
    uint32_t count;
    Chunk* next_free;
    MappedRange ranges[kChunkRanges];
  };
  static_assert(sizeof(Chunk) <= 4096);
  struct ChunkTable {
    Chunk* chunks[kMaxChunks];
  };
  // Of a range, or the place behind the last one of a chunk.
  struct Place {
    uint32_t chunk, range;
  };

  MappedRange& At(Place place) const { return chunks_[place.chunk]->ranges[place.range]; }
  bool IsEnd(Place place) const { return place.chunk >= chunk_count_; }
  // The first range that ends after `address`.
  Place FirstEndingAfter(uintptr_t address) const;
  Place Next(Place place) const;
  bool Insert(Place place, const MappedRange& range);
  bool Split(uint32_t chunk);
  void Erase(Place place);
  Chunk* NewChunk();

  Chunk** chunks_ = nullptr;  // of a table; none of them is empty
  uint32_t chunk_count_ = 0;
  size_t count_ = 0;
  Chunk* free_ = nullptr;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MEMORY_MAPPED_RANGES_H_
