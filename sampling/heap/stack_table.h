// SPDX-License-Identifier: Apache-2.0
// Locations and stacks, each stored once.
//
//   location id -> return address        dense ids, in the order of their first sight
//   stack id    -> [depth|flag, next, hash, location ids...] in an array of 32-bit words
//
// A stack is found by a 64-bit hash of its PCs and its depth: a million stacks collide with probability 3e-8,
// and then share one entry.
//
// Thread-safety: Intern under the insertion lock of bucket_table; reading (heap_tables.h) at any time.
// Signal-safety: reading. Allocates: mmap only. Never frees what a reader may see.
#ifndef HEAPPROF_SAMPLING_HEAP_STACK_TABLE_H_
#define HEAPPROF_SAMPLING_HEAP_STACK_TABLE_H_

#include <stdint.h>

namespace heapprof {

struct RawStack {
  const uintptr_t* pcs;
  uint32_t depth;
  bool truncated;
  uint64_t hash;
};

// The id of `stack`, stored now if it is new; kOverflowStack when there is no memory for it.
uint32_t InternStack(const RawStack& stack);

uint32_t StackCount();

// Whether a location's return address lies in (start, limit], that is, whether a call in [start, limit) is
// known.
bool HasLocationIn(uint64_t start, uint64_t limit);
// Moves those locations to `to`. Under the insertion lock.
void MoveLocationAddresses(uint64_t start, uint64_t limit, uint64_t to);
// If `stack` has one of those locations, makes sure that InternStack no longer finds it: other code may soon
// lie at these addresses. True: it has one. Under the insertion lock.
bool RetireStackIn(uint32_t stack, uint64_t start, uint64_t limit);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_STACK_TABLE_H_
