// SPDX-License-Identifier: Apache-2.0
// Counts by stack and labels: what a profile holds that is no heap profile (CPU, thread creation, custom).
//
//   entry (stack, labels) -> count in, count out;   stack -> locations, leaf first -> address
//
// Each profile has one of its own. Append-only while it lives, so that a reader (a dump) walks it at any
// time, from a signal handler that interrupted the writer too. Entry 1 takes what finds no memory. A stack is
// known by the 64-bit hash of its PCs and its depth (see sampling/heap/stack_table.h).
//
// Thread-safety: one writer at a time (FindOrAdd, MoveLocations); any number of readers. The counts are the
// callers' to add to. Signal-safety: reading. Allocates: mmap only, within metadata_limit.
#ifndef HEAPPROF_SAMPLING_COUNTS_STACK_COUNTS_H_
#define HEAPPROF_SAMPLING_COUNTS_STACK_COUNTS_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/memory/arena.h"
#include "base/memory/id_index.h"
#include "sampling/unwind/walk.h"

namespace heapprof {

struct CountedStack {
  uint64_t hash;
  uint32_t words;  // where its location ids are
  uint32_t depth;
  uint32_t labels;
  uint32_t next;  // the writer's chain
  Truncation::Kind truncated;
  std::atomic<uint64_t> in, out;  // both only grow; `out` stays 0 where nothing is taken away
};

// in - out.
inline uint64_t ValueOf(const CountedStack& entry) {
  // acquire: `out` first, so that the `in` read after it includes what was taken out.
  uint64_t out = entry.out.load(std::memory_order_acquire);
  uint64_t in = entry.in.load(std::memory_order_relaxed);
  return in > out ? in - out : 0;
}

class StackCounts {
 public:
  static constexpr uint32_t kOverflow = 1;

  // What is to be found or added. `pcs` are return addresses, but for the first if `exact_leaf` is set: that
  // one is the address that was executed. Profiles hold return addresses less one.
  struct Key {
    const uintptr_t* pcs;
    uint32_t depth;
    Truncation::Kind truncated;
    bool exact_leaf;
    uint64_t hash;
    uint32_t labels;
  };

  // Zeroed memory is an object that wants Init. False: no memory for the least that is needed.
  bool Init();
  // Gives all memory back; nobody reads any more.
  void Free();

  // The id of the entry; kOverflow when there is no memory for a new one.
  uint32_t FindOrAdd(const Key& key);
  CountedStack* At(uint32_t id) { return entries_.At(id); }

  // Whether some location lies in [start, limit).
  bool HasLocationIn(uint64_t start, uint64_t limit) const;
  // Moves those locations to `to`. Entries that have one are found no more, as their PCs may soon mean other
  // code; the ids stay.
  void MoveLocations(uint64_t start, uint64_t limit, uint64_t to);

  // Entries have the ids 1..count().
  uint32_t count() const { return count_.load(std::memory_order_acquire); }
  const CountedStack& at(uint32_t id) const { return *entries_.At(id); }
  const uint32_t* LocationsOf(const CountedStack& entry) const {
    return entry.depth == 0 ? nullptr : words_.At(entry.words);
  }
  // Locations have the ids 1..location_count(); addresses as profiles have them.
  uint32_t location_count() const { return addresses_.count(); }
  uint64_t AddressOf(uint32_t location) const { return addresses_.AddressOf(location); }

 private:
  void GrowHeads();
  bool Add(const Key& key, uint64_t hash);

  AddressTable<9, 2048, 1024> addresses_;
  ChunkedArray<CountedStack, 8, 4096> entries_;
  ChunkedArray<uint32_t, 13, 4096> words_;
  IdIndex heads_;
  uint32_t next_word_ = 0;
  std::atomic<uint32_t> count_{0};
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_COUNTS_STACK_COUNTS_H_
