// SPDX-License-Identifier: Apache-2.0
// Where jemalloc 5.3.0 keeps what it knows of its pages: a tree from a page to a word that tells of the
// extent which begins or ends there, and the extent's record. alloc/backend/jemalloc_bins_check.cc looks
// whether these are the facts of the archive that is linked in; where they are not, the profile `memory` does
// not part the heap by cause.
#ifndef HEAPPROF_ALLOC_BACKEND_JEMALLOC_PAGES_H_
#define HEAPPROF_ALLOC_BACKEND_JEMALLOC_PAGES_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof::jemalloc {

// The root of the tree in je_arena_emap_global: a pointer to a leaf for each GiB. A leaf has a word for each
// page: bit 0 set in slabs of small blocks, the state in bits 2..4, the record's address in bits 7..47, the
// size class in bits 48..63.
inline constexpr size_t kRootOffset = 120;
inline constexpr int kLeafShift = 30, kPageShift = 12, kAddressBits = 48, kClassShift = 48;
inline constexpr uint64_t kSlabBit = 1;
inline constexpr uint64_t kRecordMask = ((uint64_t{1} << 48) - 1) & ~uint64_t{127};

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
