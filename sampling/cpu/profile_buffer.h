// SPDX-License-Identifier: Apache-2.0
// The profile buffer: what the handlers of the CPU sampler write, until one of them merges it.
//
// A ring of 64-bit words. A record of a stack with d frames takes 5 + d words:
//     [ready | truncated | end | d] [time] [labels, weight] [hash] [clock] [pc 1] ... [pc d]
// A writer takes room by moving `reserved_`, fills in all but the first word, and stores that one last. The
// reader goes from record to record, stops at a first word of 0, and writes zeros behind itself before it
// gives the room back: so a word is 0 from the moment that room is taken until it is written.
//
//     read_ <= reserved_ <= read_ + capacity                                          (1)
//
// What finds no room is counted, by weight: it is the sample "[lost samples]" of the profile.
//
// Thread-safety: any number of writers, one reader. Signal-safety: yes; a writer may be interrupted by
// another one in its own thread. Allocates: never. No locks.
#ifndef HEAPPROF_SAMPLING_CPU_PROFILE_BUFFER_H_
#define HEAPPROF_SAMPLING_CPU_PROFILE_BUFFER_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "sampling/unwind/walk.h"

namespace heapprof::cpu {

struct Record {
  int64_t time;     // nanoseconds of the monotonic clock
  uint32_t labels;  // a label set's id
  uint32_t weight;  // the periods of CPU time that it stands for
  uint32_t depth;
  Truncation::Kind truncated;
  bool end;        // what no tick told of when the thread ended; the stack is the function it began with
  uint64_t hash;   // of the PCs
  uint64_t clock;  // ThreadClock::id of the thread's; 0: it has none
  // The PC that was executed, then return addresses.
  const uintptr_t* pcs;
};

class ProfileBuffer {
 public:
  using Word = std::atomic<uint64_t>;

  // `words` are zeroed; `capacity` is a power of two.
  ProfileBuffer(Word* words, size_t capacity) : words_(words), mask_(capacity - 1) {}
  ProfileBuffer(const ProfileBuffer&) = delete;
  ProfileBuffer& operator=(const ProfileBuffer&) = delete;

  // False: there was no room, and the record is counted as lost.
  bool Write(const Record& record);
  void CountLost(uint32_t weight) { lost_.fetch_add(weight, std::memory_order_relaxed); }

  // The next record, whose PCs are copied to `pcs`; those beyond `max` are passed over. False: none is ready.
  bool Read(Record* record, uintptr_t* pcs, uint32_t max);

  // Words taken and not yet read.
  size_t used() const {
    return static_cast<size_t>(reserved_.load(std::memory_order_relaxed) -
                               read_.load(std::memory_order_relaxed));
  }
  size_t capacity() const { return mask_ + 1; }
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint64_t kReady = uint64_t{1} << 63, kEnd = uint64_t{1} << 62;
  static constexpr int kTruncatedShift = 60;
  static constexpr uint64_t kTruncatedMask = 3;
  static constexpr uint32_t kHeaderWords = 5;

  Word& At(uint64_t position) { return words_[position & mask_]; }

  alignas(64) std::atomic<uint64_t> reserved_{0};  // moved by writers
  alignas(64) std::atomic<uint64_t> read_{0};      // moved by the reader
  std::atomic<uint64_t> lost_{0};
  Word* words_;
  size_t mask_;
};

}  // namespace heapprof::cpu

#endif  // HEAPPROF_SAMPLING_CPU_PROFILE_BUFFER_H_
