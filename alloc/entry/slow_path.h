// SPDX-License-Identifier: Apache-2.0
// The slow path: what the fast path jumps to when a countdown has run out or an address may be a sample's.
//
// The hp_ functions are reached by jumps only, so that HEAPPROF_CALLER_FRAME() in them is the program's
// frame. The heapprof:: functions take that frame, and do the work for all other functions of the allocator.
//
// Thread-safety: yes. Signal-safety: as malloc, no. Allocates: what the program asked for, from the backend.
// errno: ENOMEM is set by every function that returns nullptr for want of memory, and nothing else is
// changed. Invariants: (1) a countdown has been spent (Spend) before AllocateDue is called; (2) a sample
// leaves the live table before the backend gets the block back.
#ifndef HEAPPROF_ALLOC_ENTRY_SLOW_PATH_H_
#define HEAPPROF_ALLOC_ENTRY_SLOW_PATH_H_

#include <stddef.h>
#include <stdint.h>

#include "alloc/backend/backend.h"
#include "sampling/heap/sample_filter.h"
#include "sampling/recorder.h"

// Marks the definitions of what leaves the library.
#define HEAPPROF_EXPORT __attribute__((visibility("default")))

#pragma GCC visibility push(hidden)
extern "C" {
void* hp_malloc_slow(size_t size);
void hp_free_slow(void* block);
void* hp_new_slow(size_t size);    // throws
void* hp_new_failed(size_t size);  // throws; jemalloc had no memory for `size`
// The whole of the functions of these names, for what is out of the ordinary in them: nothing is spent yet.
void* hp_calloc(size_t count, size_t size);
void* hp_realloc(void* block, size_t size);
void* hp_aligned_alloc(size_t alignment, size_t size);
void* hp_memalign(size_t alignment, size_t size);
int hp_posix_memalign(void** block, size_t alignment, size_t size);
size_t hp_malloc_usable_size(void* block);
// Nonzero until init has seen that operator new(size_t) and operator new[](size_t) are the library's own.
extern unsigned char hp_new_replaced;
// Nonzero until init has seen that operator delete(void*) and operator delete[](void*) are the library's own.
extern unsigned char hp_delete_replaced;
}
#pragma GCC visibility pop

namespace heapprof {

// Counts `size` bytes down. False: the countdown ran out or is an old interval's, and the slow path is due.
inline bool Spend(size_t size) {
  uint64_t before = t_plain_countdown.countdown;
  t_plain_countdown.countdown = before - size;
  return before > size && IsDrawnOfPresentInterval(t_plain_countdown);
}

// False: the block is certainly no sample, nor of the early heap, nor null.
inline bool MaybeSample(const void* block) {
  // relaxed: the mask only loses bits. Where a thread still sees an old mask, it misses only samples that
  // were taken under a newer one. The program handed such a block to this thread, with at least release
  // semantics, and the newer mask came with it.
  const auto address = reinterpret_cast<uintptr_t>(block);
  const uint64_t mask = __atomic_load_n(&g_sample_mask, __ATOMIC_RELAXED);
  return (address & mask) == 0 && (mask <= kMinSampleMask || sample_filter::MayHold(address));
}

// From the backend, not sampled. `alignment` is a power of two; `flags` 0 or kZeroFlag.
void* AllocatePlain(size_t size, size_t alignment, int flags);

// After a Spend that returned false: asks the recorder and allocates. `flags` are those of hpje_mallocx,
// without an alignment.
void* AllocateDue(size_t size, size_t alignment, int flags, const CallerFrame& caller);

// Spends and allocates, for the functions that are not worth an assembly path.
inline void* Allocate(size_t size, size_t alignment, int flags, const CallerFrame& caller) {
  if (!Spend(size)) return AllocateDue(size, alignment, flags, caller);
  return AllocatePlain(size, alignment, flags);
}

// The same for mallocx: `flags` are its own, alignment included.
inline void* AllocateWithFlags(size_t size, int flags, const CallerFrame& caller) {
  if (!Spend(size)) {
    return AllocateDue(size, size_t{1} << (flags & kLgAlignMask), flags & ~kLgAlignMask, caller);
  }
  return hpje_mallocx(size == 0 ? 1 : size, flags);
}

// A block of `size` bytes with what `block` held. nullptr: `block` is as it was. size > 0, block not null.
// `flags` are those of hpje_rallocx, alignment included.
void* Reallocate(void* block, size_t size, int flags, const CallerFrame& caller);

// The bytes that the program may use of a block. A sample is aligned more strictly than it was asked for, and
// is therefore larger than other blocks of its size; this function hides that. Some programs (redis is one)
// give back what a block has too much, by a reallocation. They would do that to every sample, and the profile
// would show each as freed.
size_t UsableSize(const void* block);

// What xallocx asks for.
struct Resize {
  size_t size, extra;
  int flags;
  size_t Most() const { return extra > SIZE_MAX - size ? SIZE_MAX : size + extra; }
};
// Resizes without moving, if that can be, and returns the usable size that the block has then. size > 0.
size_t ResizeOnlyInPlace(void* block, const Resize& resize, const CallerFrame& caller);

// True: the block is out of the live table or was not in it, and may go to the backend. False: it is null or
// of the early heap, and there is nothing to do.
bool PrepareFree(void* block);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_ENTRY_SLOW_PATH_H_
