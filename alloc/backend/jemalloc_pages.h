// SPDX-License-Identifier: Apache-2.0
// Where jemalloc 5.3.0 keeps what it knows of its pages: a tree from a page to a word that tells of the
// extent which begins or ends there, and the extent's record. alloc/backend/jemalloc_bins_check.cc looks
// whether these are the facts of the archive that is linked in; where they are not, the profile `memory` does
// not part the heap by cause.
#ifndef HEAPPROF_ALLOC_BACKEND_JEMALLOC_PAGES_H_
#define HEAPPROF_ALLOC_BACKEND_JEMALLOC_PAGES_H_

#include <stddef.h>
#include <stdint.h>

#include "alloc/backend/jemalloc_leaves.h"

namespace heapprof::jemalloc {

// The root of the tree in je_arena_emap_global: a pointer to a leaf for each GiB. A leaf has a word for each
// page: bit 0 set in slabs of small blocks, the state in bits 2..4, the record's address in bits 7..47, the
// size class in bits 48..63. For addresses of 57 bits there is a level of nodes between root and leaves, a
// leaf is of 128 MiB, and the record's address and what else is known of a page are two words
// (jemalloc_bins.h).
inline constexpr size_t kRootOffset = 120;
#if defined(JE_WIDE_ADDRESSES)
inline constexpr int kNodeShift = 42, kAddressBits = 57;
#else
inline constexpr int kNodeShift = JE_LEAF_SHIFT, kAddressBits = 48;
#endif
inline constexpr int kLeafShift = JE_LEAF_SHIFT, kPageShift = JE_PAGE_SHIFT;
inline constexpr uint64_t kSlabBit = 1;
inline constexpr uint64_t kRecordMask = ((uint64_t{1} << kAddressBits) - 1) & ~uint64_t{127};

// What the tree has of a page.
struct PageWord {
  uint64_t record;  // 0: nothing
  uint32_t size_class;
  bool slab;
};

inline uint64_t LoadWord(const char* at) {
  return __atomic_load_n(reinterpret_cast<const uint64_t*>(at), __ATOMIC_ACQUIRE);
}

// The leaf of the tree `root` that has the address' page; nullptr: none.
inline const char* LeafOf(const char* root, uintptr_t address) {
  if (address >> kAddressBits != 0) return nullptr;
  auto at = static_cast<uintptr_t>(LoadWord(root + sizeof(uint64_t) * (address >> kNodeShift)));
  if (kNodeShift != kLeafShift && at != 0) {
    const uintptr_t leaf = (address & ((uintptr_t{1} << kNodeShift) - 1)) >> kLeafShift;
    at = static_cast<uintptr_t>(LoadWord(reinterpret_cast<const char*>(at) + sizeof(uint64_t) * leaf));
  }
  return reinterpret_cast<const char*>(at);
}

inline PageWord WordOf(const char* leaf, uintptr_t address) {
  const uintptr_t page = (address & ((uintptr_t{1} << kLeafShift) - 1)) >> kPageShift;
  const char* at = leaf + (page << JE_LG_PAGE_ENTRY);
  const uint64_t record = LoadWord(at);
  const uint64_t word = JE_PAGE_WORD == 0 ? record : static_cast<uint32_t>(LoadWord(at + JE_PAGE_WORD));
  return {record & kRecordMask, static_cast<uint32_t>(word >> JE_CLASS_SHIFT), (word & kSlabBit) != 0};
}

// The record of an extent: its bits; the address of its block, or of its first page; its size with a serial
// number below the page's bits; of a slab, from kFreeBits on, a bit for each block that is free.
inline constexpr size_t kRecordBytes = 128, kBits = 0, kAddress = 8, kSize = 16, kFreeBits = 64;
inline constexpr int kStateShift = 17, kFreeShift = 28;
inline constexpr uint64_t kStateMask = 7, kFreeMask = 1023;
// States: in use; free and dirty, muzzy or retained.
inline constexpr uint64_t kActive = 0, kDirty = 1, kMuzzy = 2, kRetained = 3;

// The description of a slab's class: the bytes of a block, of a slab, and the number of blocks.
inline constexpr size_t kBinInfoBytes = 40, kBinBlockSize = 0, kBinSlabSize = 8, kBinBlocks = 16;
// The first class whose blocks are extents of their own.
inline constexpr uint32_t kSmallClasses = 36;

}  // namespace heapprof::jemalloc

#endif  // HEAPPROF_ALLOC_BACKEND_JEMALLOC_PAGES_H_
