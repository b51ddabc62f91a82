// SPDX-License-Identifier: Apache-2.0
// How long blocks lived: of each bucket, how many of its blocks were freed at which age.
//
//   bucket -> cells (class of the lifetime, temporary or not) -> number of frees
//
// A class is a decade: below 1 ms, below 10 ms, ... below 100,000 s, and all above; one more is for blocks of
// which the birth is not known. A block is temporary if its thread freed it before it allocated again. Most
// buckets have one cell or two, so a bucket has a chain of them: 8 bytes for its head, 16 for each cell,
// which are made when they are first counted, and count against metadata_limit. Frees for which there was no
// cell are summed up by class (Lost), with the weight of their buckets.
//
// A child of fork begins with nothing freed. Heads carry a generation, which it raises, and cells are used
// anew from the first on: it needs no memory for what its parent had memory for.
//
// Births lie in the live table (LiveTable::KeepBirths), whose entries are the blocks that still live.
//
// Thread-safety: yes. Signal-safety: reading; the others inside the recorder. Allocates: mmap only. Lock:
// kLifetimes. Zeroed memory is an object before Start.
#ifndef HEAPPROF_SAMPLING_HEAP_HEAP_LIFETIMES_H_
#define HEAPPROF_SAMPLING_HEAP_HEAP_LIFETIMES_H_

#include <stdint.h>

#include <atomic>

#include "base/lock/spinlock.h"
#include "base/memory/arena.h"
#include "sampling/heap/bucket_table.h"

namespace heapprof {

class HeapLifetimes {
 public:
  static constexpr int kDecades = 10;
  static constexpr int kUnknown = kDecades;
  static constexpr int kClasses = kDecades + 1;
  static constexpr int64_t kShortest = 1'000'000;  // the bound of the first decade, ns

  // Of a lifetime in ns. A clock of another processor may lie behind by a few.
  static int ClassOf(int64_t nanos) {
    int decade = 0;
    for (int64_t bound = kShortest; decade < kDecades - 1 && nanos >= bound; bound *= 10) ++decade;
    return decade;
  }

  // Lifetimes are collected from now on. Called once, before the first block.
  void Start() { started_.store(true, std::memory_order_relaxed); }
  bool started() const { return started_.load(std::memory_order_relaxed); }

  void CountFree(uint32_t id, const Bucket& bucket, int of_class, bool temporary) {
    const auto kind = static_cast<uint32_t>(of_class * 2 + (temporary ? 1 : 0));
    Cell* cell = Find(id, kind);
    if (__builtin_expect(cell == nullptr, 0)) cell = Add(id, kind);
    if (__builtin_expect(cell == nullptr, 0)) return Lose(bucket, kind);
    CountUp(&cell->count);
  }

  // Frees, [class][temporary].
  struct Freed {
    uint64_t count[kClasses][2];
  };
  // False: there are none.
  bool Read(uint32_t id, Freed* freed) const;

  // What found no cell, estimated: blocks in 1/1024, and bytes.
  struct Lost {
    uint64_t objects_1024, bytes;
  };
  Lost ReadLost(int of_class, bool temporary) const;

  // `buckets`: how many there are; room for a cell of each is made here, as the child may not be allowed to
  // map any (seccomp).
  bool LockForFork(uint32_t buckets);
  void UnlockAfterFork(bool in_child);

 private:
  struct Cell {
    std::atomic<uint64_t> count;
    uint32_t next;  // 0: the last
    uint32_t kind;
  };
  static_assert(sizeof(Cell) == 16);
  struct LostSums {
    std::atomic<uint64_t> objects_1024{0}, bytes{0};
  };

  uint32_t HeadOf(uint64_t head) const {
    return head >> 32 == generation_.load(std::memory_order_relaxed) ? static_cast<uint32_t>(head) : 0;
  }
  Cell* Find(uint32_t id, uint32_t kind) const {
    const std::atomic<uint64_t>* head = heads_.Find(id);
    if (head == nullptr) return nullptr;
    // acquire: the cells before the head that leads to them.
    uint32_t at = HeadOf(head->load(std::memory_order_acquire));
    while (at != 0) {
      Cell* cell = cells_.At(at);
      if (cell->kind == kind) return cell;
      at = cell->next;
    }
    return nullptr;
  }
  Cell* Add(uint32_t id, uint32_t kind);
  void Lose(const Bucket& bucket, uint32_t kind);

  ChunkedArray<std::atomic<uint64_t>, 12, 16384> heads_;  // by bucket: generation << 32 | cell
  ChunkedArray<Cell, 12, 65536> cells_;
  std::atomic<uint32_t> generation_{0};
  std::atomic<bool> started_{false};
  SpinLock<LockRank::kLifetimes> lock_;
  uint32_t used_ HP_GUARDED_BY(lock_) = 0;  // cells 1..used_
  LostSums lost_[kClasses * 2];
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_HEAP_LIFETIMES_H_
