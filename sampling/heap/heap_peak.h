// SPDX-License-Identifier: Apache-2.0
// The heap at its peak: what each bucket had in use when the estimated bytes in use were highest.
//
// Nothing is copied when a new peak is reached. An epoch counts the peaks, even while the heap is at one, odd
// after it:
//
//     odd -> even   an allocation makes the sum higher than it ever was: the tables themselves are the peak
//     even -> odd   the first free: from here on a bucket that is about to change, and has not yet done so in
//                   this epoch, keeps what it has in use (Bucket::at_peak)
//
// At interval 1 this is exact. Beside other threads what is being allocated or freed just then counts as in
// use. There the sum is kept in parts, as all would wait for a word that each writes at each block: a thread
// adds to a part, and the part goes to the sum when it is large, when a peak ends, and at once as long as the
// sum is so near to the highest that the parts could matter. Who ends or begins a peak never waits.
//
// Epochs are told apart by 32 bits. The sum grows with each peak, so they come round after 2^31 bytes at
// least; a bucket would have to be asked for in that very epoch.
//
// Thread-safety: yes. Signal-safety: reading and Reset; the others inside the recorder. Allocates: never.
// Zeroed memory is a heap that is empty, and at its peak.
#ifndef HEAPPROF_SAMPLING_HEAP_HEAP_PEAK_H_
#define HEAPPROF_SAMPLING_HEAP_HEAP_PEAK_H_

#include <stdint.h>

#include <atomic>

#include "base/lock/spinlock.h"
#include "sampling/heap/bucket_table.h"

namespace heapprof {

class HeapPeak {
 public:
  // Counts one allocation, or one free, of a bucket. The usual case at interval 1 stands here: a thread that
  // is alone, and a bucket that keeps its value already, or need not.
  void CountAllocation(Bucket* bucket) {
    const uint32_t epoch = epoch_.load(std::memory_order_relaxed);
    if (Rarely(!IsAlone(*bucket))) return CountAllocationSlow(bucket);
    if (Rarely(!HasKept(*bucket, epoch)) && Rarely(!IsAtPeak(epoch))) return CountAllocationSlow(bucket);
    AllocateAlone(bucket, static_cast<int64_t>(bucket->size), epoch);
  }
  void CountFree(Bucket* bucket) {
    const uint32_t epoch = epoch_.load(std::memory_order_relaxed);
    if (Rarely(!IsAlone(*bucket)) || Rarely(IsAtPeak(epoch)) || Rarely(!HasKept(*bucket, epoch)))
      return CountFreeSlow(bucket);
    AddAlone(&in_use_, -static_cast<int64_t>(bucket->size));
    AddAlone(&bucket->frees, 1);
  }

  // Looks for the peak from now on.
  void Reset();

  // For a reader. Values of buckets belong together if the epoch is the same before and after.
  uint32_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  uint32_t InUseAtPeak(const Bucket& bucket, uint32_t epoch) const;
  // When the heap was last at its peak, or within a thousandth of it, and since when peaks are looked for, 0
  // for the start: ns since the epoch.
  int64_t TimeNanos() const;
  int64_t SinceNanos() const { return since_.load(std::memory_order_relaxed); }
  int64_t InUseBytes() const;
  int64_t HighestBytes() const;

 private:
  // Of each condition by itself: of a sum of them the compiler lays out the usual case with jumps.
  static bool Rarely(bool condition) { return __builtin_expect(condition, 0) != 0; }
  static bool IsAtPeak(uint32_t epoch) { return (epoch & 1) == 0; }
  template <typename Word, typename Number>
  static Word AddAlone(std::atomic<Word>* word, Number number) {
    const Word sum = word->load(std::memory_order_relaxed) + static_cast<Word>(number);
    word->store(sum, std::memory_order_relaxed);
    return sum;
  }
  static bool IsAlone(const Bucket& bucket) {
    return !Rarely(!IsOnlyThread()) && !Rarely(bucket.weight != 0);
  }
  static bool HasKept(const Bucket& bucket, uint32_t epoch) {
    // acquire: the counts are read after it, see Keep.
    return static_cast<uint32_t>(bucket.at_peak.load(std::memory_order_acquire)) == epoch;
  }
  // A part of the sum. Each of the first threads has one for itself, the last part is for all others.
  struct alignas(64) Part {
    std::atomic<uint32_t> owner{0};  // the thread's mark of its locks; 0: nobody has it
    std::atomic<int64_t> total{0};   // of all that was added
    std::atomic<int64_t> collected{0};
  };
  static constexpr uint32_t kParts = 32;
  static constexpr int kLgPart = 15;  // of the highest: all parts are a thousandth
  static constexpr int64_t kLeastPart = 512;

  Part* ClaimPart(uint32_t mark);
  static int64_t TakeOut(Part* part);
  void Collect(Part* part, bool is_free);
  void AddToPart(int64_t bytes, uint32_t epoch);
  void AddToSum(int64_t bytes, bool is_free);
  void CollectParts();
  void SetPartSize(int64_t highest);
  static void Keep(Bucket* bucket, uint32_t epoch);
  static void KeepAlone(Bucket* bucket, uint32_t epoch);
  void AllocateAlone(Bucket* bucket, int64_t bytes, uint32_t epoch) {
    AddAlone(&bucket->allocations, 1);
    const int64_t now = AddAlone(&in_use_, bytes);
    if (now <= highest_.load(std::memory_order_relaxed)) return;
    highest_.store(now, std::memory_order_relaxed);
    if (!IsAtPeak(epoch)) epoch_.store(epoch + 1, std::memory_order_relaxed);
  }
  void CountAllocationSlow(Bucket* bucket);
  void CountFreeSlow(Bucket* bucket);
  void Raise(int64_t now);
  // The epoch afterwards.
  uint32_t End(uint32_t epoch);
  // Where peaks follow each other closely, as at interval 1, the clock is read at each 16th, or where one is
  // higher by a thousandth than the last one of which the time is known.
  bool IsToBeTimed(uint32_t epoch) const {
    constexpr uint32_t kPeaks = 16;
    return epoch / 2 % kPeaks == 0 ||
           highest_.load(std::memory_order_relaxed) >= next_timed_.load(std::memory_order_relaxed);
  }
  void NoteTime();

  alignas(64) std::atomic<int64_t> in_use_{0};  // bytes, estimated; without the parts
  // Read at each block, and written at peaks.
  alignas(64) std::atomic<int64_t> highest_{0};
  std::atomic<uint32_t> epoch_{0};
  // What a part may hold back, and the sum from which on it may not.
  std::atomic<int64_t> part_size_{0}, near_{0};
  std::atomic<int64_t> time_{0};
  std::atomic<int64_t> next_timed_{0};  // the height at which the clock is read again
  std::atomic<int64_t> since_{0};
  Part parts_[kParts + 1];
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_HEAP_HEAP_PEAK_H_
