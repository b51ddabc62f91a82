// SPDX-License-Identifier: Apache-2.0
// Locations and stacks, each stored once.
//
//   location id -> return address        dense ids, in the order of their first sight
//   stack id    -> [depth|flag, next, hash, location ids...] in an array of 32-bit words
//
// A stack is found by a 64-bit hash of its PCs and its depth: a million stacks collide with probability 3e-8,
// and then share one entry. Append-only, and never freed, so that a reader walks the table at any time, from
// a signal handler that interrupted the writer too.
//
// Thread-safety: one writer at a time (Intern, MoveLocations, RetireIn), any number of readers.
// Signal-safety: reading. Allocates: mmap only. Zeroed memory is an empty table.
#ifndef HEAPPROF_SAMPLING_HEAP_STACK_TABLE_H_
#define HEAPPROF_SAMPLING_HEAP_STACK_TABLE_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/memory/arena.h"
#include "base/memory/id_index.h"
#include "sampling/unwind/walk.h"

namespace heapprof {

struct RawStack {
  const uintptr_t* pcs;  // the leaf's
  uint32_t depth;
  Truncation::Kind truncated;
  uint64_t hash;
  ptrdiff_t stride = 1;  // words from a frame to the one above it
};

// A stack as it is stored: ids of locations, the leaf (the caller of malloc) first.
struct StackView {
  const uint32_t* locations;
  uint32_t depth;
  Truncation::Kind truncated;  // the walk ended before the stack's end, max_frames apart
};

// The stack of this id is empty: a dump shows its buckets as one frame "[heapprof: metadata limit reached]".
inline constexpr uint32_t kOverflowStack = 0;

class StackTable {
 public:
  // The id of `stack`, stored now if it is new; kOverflowStack when there is no memory for it.
  uint32_t Intern(const RawStack& stack);
  // Moves the locations of calls in [start, limit) to `to`.
  void MoveLocations(uint64_t start, uint64_t limit, uint64_t to);
  // If `stack` has one of those locations, makes sure that Intern no longer finds it: other code may soon lie
  // at these addresses. True: it has one.
  bool RetireIn(uint32_t stack, uint64_t start, uint64_t limit);

  StackView At(uint32_t stack) const;
  uint32_t count() const { return count_.load(std::memory_order_relaxed); }
  // Locations have the ids 1..location_count(). The address of one is a return address.
  uint32_t location_count() const { return locations_.count(); }
  uint64_t ReturnAddress(uint32_t location) const { return locations_.AddressOf(location); }
  // Whether a location's return address lies in (start, limit], that is, whether a call in [start, limit) is
  // known.
  bool HasLocationIn(uint64_t start, uint64_t limit) const;

 private:
  void Grow();

  AddressTable<12, 8192, 4096> locations_;
  ChunkedArray<uint32_t, 14, 65536> words_;
  IdIndex index_;  // heads of chains
  std::atomic<uint32_t> count_{0};
  uint32_t last_word_ = 0;  // that is in use; that of kOverflowStack at first
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_STACK_TABLE_H_
