// SPDX-License-Identifier: Apache-2.0
// A filter before the live table: how many samples may lie at an address.
//
// Blocks that are aligned as samples are, by chance, are many: at an interval of 4 KiB eight of them are
// freed to one sample; at large intervals, where samples are page-aligned, jemalloc hands out the first block
// of a slab more often than others. For such a block the filter saves free the way to the live table and a
// search there: one load is enough.
//
// Addresses on a page boundary have a counter by the number of their page, all others by that of their 256
// bytes. Which counter an address has depends on nothing else, so that the interval may change. Blocks that
// lie side by side have counters side by side, those of 16 KiB in one cache line. At 4 KiB one counter in
// sixteen is not zero. Only what is touched takes memory: at most 1/256 of the heap, and 1 MiB.
//
// A count is never too low. It is too high where two addresses share it, of which there are always some in a
// heap of more than 256 MiB, and where it was at 255 once, from which it does not come down.
//
// Thread-safety: yes. Signal-safety: what Add and Remove count must not come from a handler that interrupted
// them (the recorder's guards see to that). Allocates: never. Locks: none.
#ifndef HEAPPROF_SAMPLING_HEAP_SAMPLE_FILTER_H_
#define HEAPPROF_SAMPLING_HEAP_SAMPLE_FILTER_H_

#include <stdint.h>

#include <atomic>

namespace heapprof::sample_filter {

// The fast path (alloc/entry) has these as numbers.
inline constexpr int kLgPage = 12, kLgPages = 16, kLgUnit = 8, kLgUnits = 20;
// From here on the number of samples is not known, and the count stays.
inline constexpr uint8_t kMany = UINT8_MAX;
inline constexpr uint64_t kPageMask = (1 << kLgPage) - 1;

extern std::atomic<uint8_t> g_of_page[1 << kLgPages] __asm__("hp_samples_of_page");
extern std::atomic<uint8_t> g_of_unit[1 << kLgUnits] __asm__("hp_samples_of_unit");

inline std::atomic<uint8_t>& CounterOf(uintptr_t address) {
  return (address & kPageMask) == 0 ? g_of_page[(address >> kLgPage) % (1 << kLgPages)]
                                    : g_of_unit[(address >> kLgUnit) % (1 << kLgUnits)];
}

// A sample at `address` is about to enter the live table. Nobody else knows the block yet: whoever frees it
// got its address from here, by a way that orders.
void Add(uintptr_t address);

// It has left the live table.
void Remove(uintptr_t address);

// For an address that is not jemalloc's: from now on it passes for a sample's, for good, so that each free of
// it takes the slow path. Needs neither libc nor relocations.
inline void Pin(uintptr_t address) { CounterOf(address).store(kMany, std::memory_order_relaxed); }

// False: there is certainly no sample at `address`, of those that this thread was handed.
inline bool MayHold(uintptr_t address) { return CounterOf(address).load(std::memory_order_relaxed) != 0; }

}  // namespace heapprof::sample_filter

#endif  // HEAPPROF_SAMPLING_HEAP_SAMPLE_FILTER_H_
