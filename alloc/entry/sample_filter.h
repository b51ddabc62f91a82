// SPDX-License-Identifier: Apache-2.0
// A filter before the live table: how many samples may lie on a page.
//
// Samples of large intervals are page-aligned. So are many blocks that are no samples: most large ones, and
// the first block of each slab, which jemalloc hands out more often than others. For such a block the filter
// saves free a search in the live table: one load here is enough.
//
// A count is never too low. It is too high when two pages share it, or when the end of a sample was not seen.
//
// fast_path_x86_64.S asks the filter too. If the count is 0, it gives the block to jemalloc. Addresses that
// are not jemalloc's (null, blocks of the early heap) are therefore counted here, and never leave.
//
// The filter is used only with the largest mask, that of page-aligned samples. With a smaller one most blocks
// that reach it are samples, and asking it first would only cost. The mask only loses bits: so who sees the
// largest mask knows that every sample so far was counted.
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_ALLOC_ENTRY_SAMPLE_FILTER_H_
#define HEAPPROF_ALLOC_ENTRY_SAMPLE_FILTER_H_

#include <stdint.h>

#include <atomic>

#include "sampling/recorder.h"

namespace heapprof {

inline constexpr uint64_t kPageMask = 4095;
inline constexpr int kFilterBits = 12;
extern std::atomic<uint32_t> g_samples_of_page[1 << kFilterBits] __asm__("hp_samples_of_page");

inline std::atomic<uint32_t>& SamplesOfPage(const void* block) {
  uint64_t page = reinterpret_cast<uintptr_t>(block) / (kPageMask + 1);
  return g_samples_of_page[page % (1 << kFilterBits)];
}

// From now on each free of `block` takes the slow path, and does not reach jemalloc's cache. `block` lies at
// the start of a page, or is null.
inline void SendFreesToSlowPath(const void* block) {
  SamplesOfPage(block).fetch_add(1, std::memory_order_relaxed);
}

inline bool FilterInUse() { return __atomic_load_n(&g_sample_mask, __ATOMIC_RELAXED) == kPageMask; }

// Records a sample, after counting it: nobody else knows the block yet.
inline void RecordSample(const void* block, size_t size, uint64_t interval, const CallerFrame& caller,
                         int lg_alignment) {
  // relaxed: whoever frees the block got its address from here, by a way that orders.
  if (FilterInUse()) SamplesOfPage(block).fetch_add(1, std::memory_order_relaxed);
  recorder::RecordAllocation(block, size, interval, caller, lg_alignment);
}

// False: the block, whose address looks like a sample's, is certainly none.
inline bool PassesFilter(const void* block) {
  return !FilterInUse() || SamplesOfPage(block).load(std::memory_order_relaxed) != 0;
}

// `block` was a sample that had passed, and is none any more.
inline void ForgetInFilter(const void* block) {
  // Once the filter is out of use its counts mean nothing, and may stay as they are.
  if (FilterInUse()) SamplesOfPage(block).fetch_sub(1, std::memory_order_relaxed);
}

// recorder::RecordFree, for a block that passed.
inline void RecordFreeOfSample(const void* block) {
  if (recorder::RecordFree(block)) ForgetInFilter(block);
}

// The sample that `block` is. False: it is none.
inline bool FindSample(const void* block, recorder::Sample* sample) {
  return PassesFilter(block) && recorder::IsSample(block, sample);
}

// For a sample that was resized in place and has been drawn as a sample again. The live table's entry is
// replaced in one step: a leak check may stop this thread at any time, and must find the block there. The
// filter's count stays as it is.
inline void RecordAgain(const void* block, size_t size, uint64_t interval, const CallerFrame& caller,
                        int lg_alignment) {
  recorder::RecordAllocation(block, size, interval, caller, lg_alignment);
}

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_ENTRY_SAMPLE_FILTER_H_
