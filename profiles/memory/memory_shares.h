// SPDX-License-Identifier: Apache-2.0
// The program's blocks by stack: the estimates of the heap profile, made to add up to what there is.
//
// What blocks the program has, in bytes, is exact: L, of the allocator's extents. A live sample of weight w,
// of x bytes, stands for itself, and for w - 1 other blocks that nobody recorded. The bytes of these are
// exact as a sum, too:
//
//     U = L - sum(x)                                                    (1)
//     E = sum((w - 1) x),  V = sum(w (w - 1) x^2)     its estimate, and that one's variance
//     x (1 + (w - 1) f),   f = min(U / E, 1 + 4 sqrt(V) / E)             (2)
//
// so that (2) adds up to L. Blocks that are samples for certain (large ones, all at an interval of 1) stay as
// they are. What the bound leaves over was allocated while nothing was sampled, and has no stack.
//
// Thread-safety: an object belongs to one thread. Signal-safety: yes. Allocates: mmap only, 96 bytes a
// bucket.
#ifndef HEAPPROF_PROFILES_MEMORY_MEMORY_SHARES_H_
#define HEAPPROF_PROFILES_MEMORY_MEMORY_SHARES_H_

#include <stdint.h>

#include "profiles/write/heap_source.h"
#include "sampling/memory/heap_account.h"

namespace heapprof {

struct ShareBytes {
  int64_t resident = 0, mapped = 0;
};

// Of a bucket.
struct MemoryShare {
  ShareBytes live;      // as asked for
  ShareBytes rounding;  // what the classes add
};

class MemoryShares {
 public:
  MemoryShares() = default;
  ~MemoryShares();
  MemoryShares(const MemoryShares&) = delete;
  MemoryShares& operator=(const MemoryShares&) = delete;

  // Reads all buckets; `usable` is a HeapView's. False: no memory.
  bool Compute(const HeapSource& source, const HeapAccount& heap, size_t (*usable)(size_t, size_t));

  // Of the buckets 1..count().
  const MemoryShare& At(uint32_t bucket) const { return shares_[bucket]; }
  uint32_t count() const { return count_; }
  // Of all of them.
  ShareBytes total() const { return {resident_.given, mapped_.given}; }
  // What the alignment of samples costs.
  ShareBytes alignment() const;
  // What is left without a stack.
  ShareBytes without_stack() const;
  // U and E of (1).
  uint64_t not_sampled() const;
  uint64_t not_sampled_estimate() const { return static_cast<uint64_t>(resident_.estimate); }

 private:
  struct Sampled {
    double count, weight, live[2], rounding[2], alignment[2];  // resident, mapped
  };
  struct Sum {
    double total = 0, sampled = 0, alignment = 0, estimate = 0, variance = 0, factor = 0;
    // Where samples alone have more than there is, as blocks that were just made: their part of it.
    double of_samples = 1;
    int64_t given = 0;

    void Add(double weight, double count, double bytes, double of_alignment);
    void Finish();
  };

  static bool Read(const Bucket* bucket, uint32_t id, const HeapAccount& heap,
                   size_t (*usable)(size_t, size_t), Sampled* sampled);
  void Give(const Sampled& sampled, double u, MemoryShare* share);

  MemoryShare* shares_ = nullptr;
  uint32_t count_ = 0;
  Sum resident_, mapped_;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_MEMORY_MEMORY_SHARES_H_
