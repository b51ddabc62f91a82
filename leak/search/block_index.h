// SPDX-License-Identifier: Apache-2.0
// The recorded blocks by address: which of them does a word point into?
//
// Blocks lie at multiples of 16. Each page of the heap has a bit for each place where a block may begin, and
// how many blocks begin on the pages before it; the block of an address is found by counting bits of one
// page's record:
//     index = before[page] + popcount(bits of the page up to the address) - 1
// which is right for a block that began on an earlier page, too. Building takes two passes over the live
// table and no sort; a look-up reads one record of 40 bytes and the block itself.
//
// Thread-safety: none needed, the world is stopped. Signal-safety: yes. Allocates: mmap only, about 28 bytes
// a block and 40 a page. Locks: none.
#ifndef HEAPPROF_LEAK_SEARCH_BLOCK_INDEX_H_
#define HEAPPROF_LEAK_SEARCH_BLOCK_INDEX_H_

#include <stddef.h>
#include <stdint.h>

#include "leak/search/memory_map.h"

namespace heapprof::leak {

class BlockIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  BlockIndex() = default;
  ~BlockIndex();
  BlockIndex(const BlockIndex&) = delete;
  BlockIndex& operator=(const BlockIndex&) = delete;

  // From the live table. False: no memory.
  bool Build();
  // Notes which pages cannot be read.
  void NoteUnreadable(const MemoryMap& map);

  uint32_t count() const { return count_; }
  uintptr_t start(uint32_t block) const { return blocks_[block].start; }
  uint32_t bucket(uint32_t block) const { return blocks_[block].bucket; }
  uint32_t tag(uint32_t block) const { return tags_[block]; }
  // Bytes as asked for.
  uint64_t size(uint32_t block) const {
    uint32_t size = blocks_[block].size;
    return size != kLarge ? size : LargeSize(block);
  }

  // Whether all of the block's memory can be read.
  bool IsReadable(uint32_t block) const {
    uintptr_t start = blocks_[block].start, last = start + size(block) - (size(block) != 0 ? 1 : 0);
    for (uintptr_t page = start >> kPageShift; page <= last >> kPageShift; ++page) {
      const Chunk* chunk = chunks_[(page >> (kChunkShift - kPageShift)) - first_chunk_];
      if (chunk->pages[page & (kPagesPerChunk - 1)].unreadable != 0) return false;
    }
    return true;
  }

  // False: certainly no pointer to a block.
  bool InRange(uintptr_t word) const { return word - low_ < span_; }

  // Brings what Find reads of the heap's pages near. `address` is in range.
  void PrefetchPage(uintptr_t address) const {
    const Chunk* chunk = chunks_[(address >> kChunkShift) - first_chunk_];
    if (chunk == nullptr) return;
    const Page* page = &chunk->pages[(address >> kPageShift) & (kPagesPerChunk - 1)];
    __builtin_prefetch(page);
    __builtin_prefetch(&page->before);
  }
  void PrefetchBlock(uint32_t block) const { __builtin_prefetch(&blocks_[block]); }

  // Brings the block's first bytes near.
  void Prefetch(uint32_t block) const {
    __builtin_prefetch(reinterpret_cast<const void*>(blocks_[block].start));
    __builtin_prefetch(reinterpret_cast<const void*>(blocks_[block].start + 64));
  }

  // The last block that begins at `address` or before; kNone: there is none. `address` is in range.
  uint32_t FindBefore(uintptr_t address) const {
    const Chunk* chunk = chunks_[(address >> kChunkShift) - first_chunk_];
    if (chunk == nullptr) return kNone;
    const Page& page = chunk->pages[(address >> kPageShift) & (kPagesPerChunk - 1)];
    uint32_t place = (address >> kGrainShift) & (kGrains - 1);
    uint32_t upto = page.before;
    for (uint32_t word = 0; word < place / 64; ++word) upto += Ones(page.begins[word]);
    upto += Ones(page.begins[place / 64] & (~uint64_t{0} >> (63 - place % 64)));
    return upto - 1;  // kNone if upto is 0
  }

  // Whether `address`, for which FindBefore returned `block`, points to it or into it.
  bool Contains(uint32_t block, uintptr_t address) const {
    uint64_t offset = address - blocks_[block].start;
    // Half of an old pointer beside an int that is 0: common on stacks, and in a block of a gigabyte likely
    // to hit.
    if (static_cast<uint32_t>(address) == 0 && offset != 0) return false;
    if (offset < size(block)) return true;
    // A block of no bytes is pointed to by its address. That of an array of none, of which only the count is
    // there, by the address behind it.
    if (offset == 0) return true;
    return offset == sizeof(uint64_t) && blocks_[block].size == sizeof(uint64_t) && IsReadable(block) &&
           *reinterpret_cast<const uint64_t*>(blocks_[block].start) == 0;
  }

  // The block that `address` points to or into, or kNone.
  uint32_t Find(uintptr_t address) const {
    if (!InRange(address)) return kNone;
    uint32_t block = FindBefore(address);
    return block != kNone && Contains(block, address) ? block : kNone;
  }

 private:
  static constexpr int kGrainShift = 4, kPageShift = 12, kChunkShift = 26;
  static constexpr uint32_t kGrains = 1u << (kPageShift - kGrainShift);
  static constexpr uint32_t kPagesPerChunk = 1u << (kChunkShift - kPageShift);
  static constexpr uint32_t kLarge = UINT32_MAX;

  struct Page {
    uint64_t begins[kGrains / 64];
    uint32_t before;
    uint32_t unreadable;  // 1: a part of the page cannot be read
  };
  struct Chunk {
    Page pages[kPagesPerChunk];
  };
  struct Block {
    uintptr_t start;
    uint32_t bucket;
    uint32_t size;
  };

  // x86-64 without SSE4.2 has no such instruction, and gcc's function for it is slower.
  static uint32_t Ones(uint64_t bits) {
    bits -= (bits >> 1) & 0x5555555555555555;
    bits = (bits & 0x3333333333333333) + ((bits >> 2) & 0x3333333333333333);
    return static_cast<uint32_t>(((bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0f) * 0x0101010101010101 >> 56);
  }
  uint64_t LargeSize(uint32_t block) const;

  static void Measure(void* self, uintptr_t address, uint32_t bucket, uint32_t tag);
  static void Mark(void* self, uintptr_t address, uint32_t bucket, uint32_t tag);
  static void Place(void* self, uintptr_t address, uint32_t bucket, uint32_t tag);
  void PlaceNow(uintptr_t address, uint32_t bucket, uint32_t tag);

  uintptr_t low_ = UINTPTR_MAX, high_ = 0, span_ = 0;
  Chunk** chunks_ = nullptr;
  size_t chunk_count_ = 0;
  uintptr_t first_chunk_ = 0;
  Block* blocks_ = nullptr;
  uint32_t* tags_ = nullptr;
  uint32_t count_ = 0;
  bool failed_ = false;

  // Blocks that Place has seen and whose page's record is on its way.
  struct Placement {
    uintptr_t address;
    uint32_t bucket, tag;
  };
  static constexpr uint32_t kAhead = 16;
  Placement ahead_[kAhead] = {};
  uint32_t ahead_at_ = 0;
};

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_SEARCH_BLOCK_INDEX_H_
