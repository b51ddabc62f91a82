// SPDX-License-Identifier: Apache-2.0
// Where jemalloc 5.3.0 keeps what its own malloc and free touch when a thread's cache has a block or room for
// one: offsets into its thread-local record je_tsd_tls, for the fast path, which does the same without
// the detour. Debian's build for aarch64 has no profiler of its own, and pages of 64 KiB. The archive is
// linked in, so that its layout is a fact of the build; alloc/backend/jemalloc_bins_check.cc looks whether
// these are the facts, and where they are not, the fast path jumps into jemalloc instead.
//
// Preprocessor constants, as assembly reads them too.
#ifndef HEAPPROF_ALLOC_BACKEND_JEMALLOC_BINS_H_
#define HEAPPROF_ALLOC_BACKEND_JEMALLOC_BINS_H_

// The largest size of malloc that je_sz_size2index_tab knows: by eighths, rounded up.
#define JE_LOOKUP_MAX 4096

// The record as a whole; bytes allocated and freed by the thread, each followed by the count from which on
// the long way is due: the next event, or 0 while the thread is in any state but the usual.
#if defined(__aarch64__)
#define JE_RECORD_BYTES 2696
#define JE_ALLOCATED 0x378
#else
#define JE_RECORD_BYTES 2632
#define JE_ALLOCATED 0x338
#endif
#define JE_ALLOCATED_LIMIT (JE_ALLOCATED + 0x8)
#define JE_DEALLOCATED (JE_ALLOCATED + 0x10)
#define JE_DEALLOCATED_LIMIT (JE_ALLOCATED + 0x18)

// The thread's cache of blocks, a bin of 24 bytes for each size class: the top of a stack of blocks that
// grows downwards, the number of requests, and the low 16 bits of three positions of the top: the lowest fill
// since the last collection, full, and empty.
#define JE_BINS (JE_ALLOCATED + 0x28)
#define JE_BIN_SIZE 24
#define JE_BIN_TOP 0
#define JE_BIN_REQUESTS 8
#define JE_BIN_LOW_WATER 16
#define JE_BIN_FULL 18
#define JE_BIN_EMPTY 20

// A page of jemalloc's. Blocks from this size on are extents of their own; the largest class below it.
#if defined(__aarch64__)
#define JE_PAGE_SHIFT 16
#else
#define JE_PAGE_SHIFT 12
#endif
#define JE_SMALLEST_LARGE (4 << JE_PAGE_SHIFT)
#define JE_LARGEST_SMALL (JE_SMALLEST_LARGE / 8 * 7)

// The largest size of which a cache has blocks, if no setting says otherwise, and the number of classes up to
// it; the number of those that share slabs, where a page has 4 KiB. The bins of classes that a setting leaves
// out are zero, as empty as full.
#define JE_CACHED_MAX 32768
#define JE_CACHED_CLASSES 41
#define JE_SMALL_CLASSES 36

#endif  // HEAPPROF_ALLOC_BACKEND_JEMALLOC_BINS_H_
