// SPDX-License-Identifier: Apache-2.0
// What the fast path must know of a size that the thread's cache may have: the bytes that jemalloc gives for
// it, and where the thread's record has the bin of its class. jemalloc finds the same by two tables, the
// second asked with the answer of the first, and a multiplication.
//
// Constant data; read by the fast path. jemalloc_bins_check.cc compares it with jemalloc's own.
#ifndef HEAPPROF_ALLOC_BACKEND_CACHED_SIZES_H_
#define HEAPPROF_ALLOC_BACKEND_CACHED_SIZES_H_

#include <stddef.h>
#include <stdint.h>

#include "alloc/backend/jemalloc_bins.h"

namespace heapprof {

struct CachedSize {
  uint16_t usable;  // bytes
  uint16_t bin;     // its offset in the record, in bytes
};

// By the size in eighths, rounded up; those above JE_LOOKUP_MAX by the size in units of 1024 bytes, rounded
// up.
struct CachedSizes {
  CachedSize of[JE_LOOKUP_MAX / 8 + 1];
  CachedSize larger[JE_CACHED_MAX / 1024 + 1];
};
extern const CachedSizes g_cached_sizes __asm__("hp_cached_sizes");

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_BACKEND_CACHED_SIZES_H_
