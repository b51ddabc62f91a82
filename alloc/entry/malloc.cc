// SPDX-License-Identifier: Apache-2.0
// The malloc family, as the C standard, POSIX and glibc's manual have it; malloc and free themselves are in
// fast_path_<arch>.S, and so is, or in more_calls_x86_64.S, the ordinary case of what begins
// with hp_ here, which is jumped to with the program's arguments. Where they leave room, glibc 2.36 is
// followed: realloc(p, 0) frees, memalign rounds its alignment up to a power of two; aligned_alloc is
// stricter and refuses what is no power of two.
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "alloc/backend/backend.h"
#include "alloc/backend/early_heap.h"
#include "alloc/entry/slow_path.h"

using heapprof::Allocate;
using heapprof::AllocateDue;
using heapprof::CallerFrame;
using heapprof::kNaturalAlignment;
using heapprof::kZeroFlag;
using heapprof::Spend;

namespace {

constexpr size_t kPage = 4096;

void* Fail(int error) {
  errno = error;
  return nullptr;
}

bool IsPowerOfTwo(size_t value) { return value != 0 && (value & (value - 1)) == 0; }

__attribute__((noinline)) void* CallocSlow(size_t size) {
  return AllocateDue(size, kNaturalAlignment, kZeroFlag, HEAPPROF_CALLER_FRAME());
}

// As MALLOC_CONF's zero_realloc says, and counted for jemalloc's statistics.
void* ReallocToNothing(void* block, const CallerFrame& caller) {
  unsigned action = hpje_je_opt_zero_realloc_action;
  if (action == heapprof::kZeroReallocAborts) return hpje_realloc(block, 0);
  __atomic_fetch_add(&hpje_je_zero_realloc_count, 1, __ATOMIC_RELAXED);
  if (action == heapprof::kZeroReallocAllocates) return heapprof::Reallocate(block, 1, 0, caller);
  free(block);
  return nullptr;
}

void* ReallocFrom(void* block, size_t size, const CallerFrame& caller) {
  if (block == nullptr) return Allocate(size, kNaturalAlignment, 0, caller);
  if (size == 0) return ReallocToNothing(block, caller);
  return heapprof::Reallocate(block, size, 0, caller);
}

}  // namespace

extern "C" {

void* hp_calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return Fail(ENOMEM);
  if (!Spend(bytes)) return CallocSlow(bytes);
  return hpje_calloc(count, size);
}

void* hp_realloc(void* block, size_t size) { return ReallocFrom(block, size, HEAPPROF_CALLER_FRAME()); }

// Other allocators leave this one out. Where such a one stands before the library, and its realloc with it,
// the block is its own; so realloc is called as everybody calls it, with no frame of ours behind.
HEAPPROF_EXPORT void* reallocarray(void* block, size_t count, size_t size) noexcept {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return Fail(ENOMEM);
  return realloc(block, bytes);
}

int hp_posix_memalign(void** block, size_t alignment, size_t size) {
  if (!IsPowerOfTwo(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  int saved = errno;  // POSIX: the error is returned, and errno is not for it
  void* fresh = Allocate(size, alignment, 0, HEAPPROF_CALLER_FRAME());
  errno = saved;
  if (fresh == nullptr) return ENOMEM;
  *block = fresh;
  return 0;
}

void* hp_aligned_alloc(size_t alignment, size_t size) {
  if (!IsPowerOfTwo(alignment)) return Fail(EINVAL);
  return Allocate(size, alignment, 0, HEAPPROF_CALLER_FRAME());
}

void* hp_memalign(size_t alignment, size_t size) {
  constexpr size_t kLargest = size_t{1} << (sizeof(size_t) * CHAR_BIT - 1);
  if (alignment > kLargest) return Fail(EINVAL);
  size_t rounded = alignof(max_align_t);
  while (rounded < alignment) rounded *= 2;
  return Allocate(size, rounded, 0, HEAPPROF_CALLER_FRAME());
}

HEAPPROF_EXPORT void* valloc(size_t size) noexcept {
  return Allocate(size, kPage, 0, HEAPPROF_CALLER_FRAME());
}

// Left out by others, too (see reallocarray).
HEAPPROF_EXPORT void* pvalloc(size_t size) noexcept {
  size_t padded;
  if (__builtin_add_overflow(size, kPage - 1, &padded)) return Fail(ENOMEM);
  return memalign(kPage, padded & ~(kPage - 1));
}

size_t hp_malloc_usable_size(void* block) { return block == nullptr ? 0 : heapprof::UsableSize(block); }

// C23. The size is not trusted: a block may come from calloc or realloc, and a sample's size class is larger.
HEAPPROF_EXPORT void free_sized(void* block, size_t) noexcept { free(block); }
HEAPPROF_EXPORT void free_aligned_sized(void* block, size_t, size_t) noexcept { free(block); }

}  // extern "C"
