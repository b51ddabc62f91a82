// SPDX-License-Identifier: Apache-2.0
// A filter before the live table: how many samples may lie on a page.
//
// Samples of large intervals are page-aligned, and so are many blocks that are none: the first of a slab,
// which jemalloc hands out first and again, and most large ones. For those a free needs one load here instead
// of a search. A count is never too low; it is too high when pages share it or when a sample's end went
// unrecorded.
//
// fast_path_x86_64.S asks it too, and takes a block that passes to be jemalloc's: what is not (null, the
// early heap's) is marked here for good.
//
// With smaller alignments, where most blocks are samples, the filter would only cost: it is neither filled
// nor asked. As the mask only loses bits, whoever sees the largest one knows that every sample up to now was
// counted. Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_ALLOC_ENTRY_SAMPLE_FILTER_H_
#define HEAPPROF_ALLOC_ENTRY_SAMPLE_FILTER_H_

#include <stdint.h>

#include <atomic>

#include "sampling/recorder.h"

namespace heapprof {

inline constexpr uint64_t kPageMask = 4095;
inline constexpr int kFilterBits = 12;
extern std::atomic<uint32_t> g_samples_of_page[1 << kFilterBits];

inline std::atomic<uint32_t>& SamplesOfPage(const void* block) {
  uint64_t page = reinterpret_cast<uintptr_t>(block) / (kPageMask + 1);
  return g_samples_of_page[page % (1 << kFilterBits)];
}

// `block` lies on a page, or is null, and must not go to jemalloc's cache.
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

// For a sample that was resized in place and is one again, newly drawn: one step in the live table, so that a
// leak check which stops this thread finds the block known at all times. The filter's count stays.
inline void RecordAgain(const void* block, size_t size, uint64_t interval, const CallerFrame& caller,
                        int lg_alignment) {
  recorder::RecordAllocation(block, size, interval, caller, lg_alignment);
}

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_ENTRY_SAMPLE_FILTER_H_
