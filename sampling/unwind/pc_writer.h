// SPDX-License-Identifier: Apache-2.0
// What a walk writes: the PCs as they are shown, and their hash.
//
// Thread-safety: an object belongs to its walk. Signal-safety: yes. Allocates: never. Locks: none.
#ifndef HEAPPROF_SAMPLING_UNWIND_PC_WRITER_H_
#define HEAPPROF_SAMPLING_UNWIND_PC_WRITER_H_

#include <stdint.h>

#include "sampling/unwind/shown_code.h"
#include "sampling/unwind/walk.h"

namespace heapprof::unwind {

constexpr uint64_t kFactor = 0xd6e8feb86659fd93;

// The hash of a stack goes from the root to the leaf, so that stacks share that of what they have in common
// there (last_walk.h). It begins with how many frames there may be, and order matters to it.
inline uint64_t HashWith(uint64_t hash, uintptr_t pc) { return (hash ^ pc) * kFactor; }
// The high bits, which the multiplications made good, come down.
inline uint64_t FinalHash(uint64_t hash) { return hash ^ (hash >> 32); }
inline uint64_t HashOfPcs(const uintptr_t* pcs, uint32_t depth, uint32_t max) {
  uint64_t hash = max;
  for (uint32_t i = depth; i > 0; --i) hash = HashWith(hash, pcs[i - 1]);
  return FinalHash(hash);
}

// The end of what was written, the last of which has a marked rule, as it is to be; `pc` lies in its code.
// The library's own comes off again where it stands above others: the program's, that is, which were called
// from there. A tick in the allocator begins in such code, and shows it: `own_innermost` of them from `begin`
// on.
__attribute__((noinline)) inline uintptr_t* Corrected(uintptr_t* next, uintptr_t pc, const uintptr_t* begin,
                                                      uint32_t* own_innermost) {
  const bool own = IsOwnCode(pc);
  const uintptr_t distance = own ? 0 : AliasDistance(pc);
  if (own && next == begin + *own_innermost + 1) {
    ++*own_innermost;
    return next;
  }
  if (own) return next - 1;
  next[-1] += distance;
  return next;
}

// The PCs of a walk. Their hash is taken at its end.
class PcWriter {
 public:
  PcWriter(uintptr_t* pcs, uint32_t max) : next_(pcs), begin_(pcs), end_(pcs + max) {}
  bool full() const { return next_ == end_; }
  void Add(uintptr_t pc) { *next_++ = pc; }
  void TakeBack() { --next_; }
  void Correct(uintptr_t pc, uint32_t* own_innermost) { next_ = Corrected(next_, pc, begin_, own_innermost); }
  WalkResult Result(Truncation::Kind truncated, bool in_handler) const {
    const auto depth = static_cast<uint32_t>(next_ - begin_);
    return {depth, truncated, in_handler, HashOfPcs(begin_, depth, static_cast<uint32_t>(end_ - begin_))};
  }

 private:
  uintptr_t* next_;
  uintptr_t* begin_;
  uintptr_t* end_;
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_PC_WRITER_H_
