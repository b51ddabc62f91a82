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

// Whether some location's return address lies in (start, limit]: in a call there, that is.
bool HasLocationIn(uint64_t start, uint64_t limit);
// Moves those locations to `to`, under the insertion lock. True when `stack` has one of them: it is then
// found no more, as its PCs may soon mean other code.
void MoveLocationAddresses(uint64_t start, uint64_t limit, uint64_t to);
bool RetireStackIn(uint32_t stack, uint64_t start, uint64_t limit);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_STACK_TABLE_H_
