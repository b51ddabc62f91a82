// SPDX-License-Identifier: Apache-2.0
// Where jemalloc 5.3.0 notes what it knows of a page, for the fast path of free and for those who look into
// the heap: as alloc/backend/jemalloc_bins.h, which see. How deep its tree of pages is the archive's own
// symbols tell (alloc/backend/private_jemalloc.cmake); whether the rest is so, jemalloc_bins_check.cc looks.
//
// Preprocessor constants, as assembly reads them too.
#ifndef HEAPPROF_ALLOC_BACKEND_JEMALLOC_LEAVES_H_
#define HEAPPROF_ALLOC_BACKEND_JEMALLOC_LEAVES_H_

#include "alloc/backend/jemalloc_bins.h"
#include "private_jemalloc.h"

// The thread's cache of leaves of the tree that knows every page: 16 entries, by bits 30..33 (32..35 on
// aarch64) of the address, of the address's upper part and the leaf, which has a word for every page: bit 0
// is set where the page belongs to a slab of small blocks, the upper 16 bits are the size class.
//
// Where it was built for addresses of 57 bits (JE_WIDE_ADDRESSES, Debian 13), leaves are smaller, and have
// two words for every page, of which the second, 32 bits, has the slab's bit and above bit 5 the size class.
#if defined(__aarch64__)
#define JE_LEAVES 0x1f0
#define JE_LEAF_SHIFT 32
#else
#define JE_LEAVES 0x1b0
#if HEAPPROF_JEMALLOC_TREE_BYTES != 0 && HEAPPROF_JEMALLOC_TREE_BYTES < 0x200000
#define JE_WIDE_ADDRESSES 1
#define JE_LEAF_SHIFT 27
#else
#define JE_LEAF_SHIFT 30
#endif
#endif
#define JE_LEAF_COUNT 16
#if defined(JE_WIDE_ADDRESSES)
#define JE_LG_PAGE_ENTRY 4
#define JE_PAGE_WORD 8
#define JE_CLASS_SHIFT 5
#else
#define JE_LG_PAGE_ENTRY 3
#define JE_PAGE_WORD 0
#define JE_CLASS_SHIFT 48
#endif

#endif  // HEAPPROF_ALLOC_BACKEND_JEMALLOC_LEAVES_H_
