// SPDX-License-Identifier: Apache-2.0
// How old the blocks are that live: of each bucket, by class of age as lifetimes have them, how many and how
// old on average.
//
// Read from the live table's births in one go, without its locks, to memory that is mapped for the call: 4
// bytes a bucket and 24 for each of its classes that has blocks, as far as they are touched; and 16 for each
// slot of the largest shard. What is allocated or freed meanwhile may be missed, or be there.
//
// Thread-safety: an object belongs to one reader. Signal-safety: yes. Allocates: mmap only.
#ifndef HEAPPROF_SAMPLING_HEAP_LIVE_AGES_H_
#define HEAPPROF_SAMPLING_HEAP_LIVE_AGES_H_

#include <stddef.h>
#include <stdint.h>

#include "sampling/heap/heap_lifetimes.h"
#include "sampling/heap/live_table.h"

namespace heapprof {

class LiveAges {
 public:
  LiveAges() = default;
  ~LiveAges();
  LiveAges(const LiveAges&) = delete;
  LiveAges& operator=(const LiveAges&) = delete;

  // Of the buckets 1..buckets, at `now`. Once. 0 or -ENOMEM.
  int Read(const LiveTable& table, uint32_t buckets, int64_t now);

  struct Ages {
    uint64_t count[HeapLifetimes::kClasses];  // samples
    int64_t mean[HeapLifetimes::kClasses];    // ns
  };
  // False: nothing of the bucket lives.
  bool At(uint32_t id, Ages* ages) const;

 private:
  struct Cell {
    uint32_t next, of_class;
    uint64_t count;
    double nanos;  // the sum; of more than fits 64 bits
  };
  void Count(uint32_t id, int64_t age);

  void* memory_ = nullptr;
  size_t bytes_ = 0;
  uint32_t* heads_ = nullptr;  // by bucket; 0: none
  Cell* cells_ = nullptr;      // 1..used_
  uint32_t buckets_ = 0, used_ = 0, capacity_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_LIVE_AGES_H_
