// SPDX-License-Identifier: Apache-2.0
// Values of the entries of a StackCounts: a count and an amount (of bytes, say) each, as a named profile has
// them whose keys were added with values.
//
//   entry -> sum of counts, sum of amounts
//
// Sums are exact, in 128 bits, so that what was put in can be taken out again whatever its size; what is read
// is INT64_MAX at most. A reader gets both sums as of one moment, without a lock: an entry has its sums
// twice, the writer writes those that nobody is told to read, and then turns to them. A reader inside a
// signal handler that interrupted the writer finds the sums from before.
//
// Thread-safety: one writer at a time (Reserve, Put, Take); any number of readers. Signal-safety: reading.
// Allocates: mmap only, within metadata_limit. Invariants: what is taken out was put in.
#ifndef HEAPPROF_SAMPLING_COUNTS_STACK_VALUES_H_
#define HEAPPROF_SAMPLING_COUNTS_STACK_VALUES_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/memory/arena.h"

namespace heapprof {

// Neither is negative.
struct StackValue {
  int64_t count, amount;
};

// a + b, INT64_MAX at most. Neither is negative.
inline int64_t SaturatingSum(int64_t a, int64_t b) { return a > INT64_MAX - b ? INT64_MAX : a + b; }

class StackValues {
 public:
  // Zeroed memory is an object without entries. Makes sure that `id` can be used. False: no memory.
  bool Reserve(uint32_t id);
  // Gives all memory back; nobody reads any more.
  void Free();

  // `id` was reserved.
  void Put(uint32_t id, StackValue value) { Change(id, value, false); }
  void Take(uint32_t id, StackValue value) { Change(id, value, true); }

  // Zeros for an id that was never reserved.
  StackValue Read(uint32_t id) const;

 private:
  __extension__ using Wide = unsigned __int128;
  // The sum of counts, then that of amounts, low halves first.
  struct Sums {
    std::atomic<uint64_t> words[4];

    Wide At(size_t i) const;
    void Set(size_t i, Wide sum);
  };
  struct Cell {
    std::atomic<uint64_t> turn;  // its last bit says which of the sums are good
    Sums sums[2];
  };

  void Change(uint32_t id, StackValue value, bool take);

  ChunkedArray<Cell, 8, 4096> cells_;
  std::atomic<uint32_t> limit_{0};  // ids below it have a cell
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_COUNTS_STACK_VALUES_H_
