// SPDX-License-Identifier: Apache-2.0
// Which of the allocator's size classes may hold samples.
//
// A sample's block is aligned, so that its class is a multiple of the alignment. Blocks of all other classes
// are none, wherever they lie: free asks the class, which it has looked up anyway, instead of the address. A
// program frees one class after the other in ways that the processor foresees better than which block was the
// first of a slab and lies at a page's start by that.
//
// Where samples are frequent, their alignment is that of every second, fourth or eighth class, and nobody
// foresees which kind comes next. There all classes pass for such that may hold samples: each free asks the
// filter (sampling/heap/sample_filter.h), which mostly says no (docs/decisions/0072-counting.md).
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_THREAD_SAMPLE_CLASSES_H_
#define HEAPPROF_SAMPLING_THREAD_SAMPLE_CLASSES_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof::sample_classes {

// jemalloc's classes of blocks that share a slab, where a page has 4 KiB: 8, 16, then steps of 16 up to 128,
// then four to each doubling, up to 14 KiB.
inline constexpr int kSmallClasses = 36;
// With those of extents of which a thread's cache has some, too: up to 32 KiB.
inline constexpr int kCachedClasses = 41;
constexpr uint64_t NextClass(uint64_t bytes) {
  uint64_t step = 16;
  while (bytes >= step * 8) step *= 2;
  return bytes == 8 ? 16 : bytes + step;
}

// fast_path_x86_64.S has the bit as a number.
inline constexpr uint64_t kMayHold = uint64_t{1} << 62;

// By class: the bytes of a block, and kMayHold. So much has no thread freed before the allocator's next
// event: the comparison that looks for that event finds such a class, too.
struct FreedSizes {
  uint64_t of[kCachedClasses];
};
extern FreedSizes g_freed_sizes __asm__("hp_freed_sizes");

// The bits of an address of which one is set in every block that free need not take the slow way for,
// whatever its class. 0 until samples may be: every block takes it. The least mask of samples where that is
// in force, as nearly every block may be a sample then. Else all: only null is left.
extern uint32_t g_slow_free_mask __asm__("hp_slow_free_mask");
// The same for a free that is told the size, and for which therefore no class is looked up: the mask of
// samples; where these are frequent the least one, so that the filter is asked of every block.
extern uint32_t g_slow_sized_mask __asm__("hp_slow_sized_mask");

// Up to this mask samples are frequent: at intervals below 16 KiB.
inline constexpr uint64_t kFrequentMask = 127;

// From now on samples may be aligned to `mask` + 1 bytes. Before the first of them is made.
void Admit(uint64_t mask);

}  // namespace heapprof::sample_classes

#endif  // HEAPPROF_SAMPLING_THREAD_SAMPLE_CLASSES_H_
