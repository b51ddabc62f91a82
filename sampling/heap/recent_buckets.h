// SPDX-License-Identifier: Apache-2.0
// The buckets that a thread has used last, by stack and size: where a program has few, most blocks are of one
// of them, and the key's hash and the index are not asked.
//
// Thread-safety: an object belongs to one thread at a time. Signal-safety: inside the recorder. Allocates:
// what BucketTable does. Zeroed memory remembers nothing. What it remembers stays true, for another thread
// too: buckets are never freed, and of one whose stack can occur no more it is seen. But one that another
// thread was writing at a fork may be half written in the child: it is zeroed there.
#ifndef HEAPPROF_SAMPLING_HEAP_RECENT_BUCKETS_H_
#define HEAPPROF_SAMPLING_HEAP_RECENT_BUCKETS_H_

#include <stdint.h>

#include "base/hash.h"
#include "sampling/heap/bucket_table.h"

namespace heapprof {

class RecentBuckets {
 public:
  // What table->FindOrAdd(key, trail) answers. Once for every block at interval 1.
  __attribute__((always_inline)) uint32_t FindOrAdd(BucketTable* table, const BucketKey& key,
                                                    BucketTrail* trail) {
    // Of two keys of one size it tells their stacks apart, as the factor is odd.
    const uint64_t sum = key.stack.hash + key.size * kGoldenRatio;
    Place& place = places_[sum * kGoldenRatio >> (64 - kLgPlaces)];
    // Chosen without a jump: which of the two it is nobody foresees.
    uint32_t id = place.sum[1] == sum ? place.id[1] : 0;
    id = place.sum[0] == sum ? place.id[0] : id;
    // Stacks that were cut are others of the same hash.
    const bool is_whole = key.stack.truncated == Truncation::kNone;
    if (__builtin_expect(id != 0, 1) && __builtin_expect(IsOf(*table->At(id), key), 1) &&
        __builtin_expect(is_whole, 1))
      return id;
    id = table->FindOrAdd(key, trail);
    // An overflow bucket, too: a stack that found no room finds none later.
    if (is_whole) place = {{sum, place.sum[0]}, {id, place.id[0]}};
    return id;
  }

 private:
  struct alignas(32) Place {
    uint64_t sum[2];
    uint32_t id[2];  // 0: empty
  };
  static constexpr int kLgPlaces = 8;

  static bool IsOf(const Bucket& bucket, const BucketKey& key) {
    return __builtin_expect(bucket.size == key.size, 1) &&
           __builtin_expect(bucket.interval == key.interval, 1) &&
           __builtin_expect(bucket.labels == key.labels, 1) &&
           __builtin_expect(bucket.retired.load(std::memory_order_relaxed) == 0, 1);
  }

  Place places_[1 << kLgPlaces];
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_RECENT_BUCKETS_H_
