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

// The PCs that were written so far, and their hash: each frame multiplies it.
struct Written {
  uintptr_t* next;
  uint64_t hash;
};
constexpr uint64_t kFactor = 0xd6e8feb86659fd93, kInverse = 0xcfee444d8b59a89b;
static_assert(kFactor * kInverse == 1);

// `written`, the last of which has a marked rule, as it is to be; `pc` lies in its code. The library's own
// comes off again where it stands above others: the program's, that is, which were called from there. A tick
// in the allocator begins in such code, and shows it: `own_innermost` of them from `begin` on.
__attribute__((noinline)) inline Written Corrected(Written written, uintptr_t pc, const uintptr_t* begin,
                                                   uint32_t* own_innermost) {
  const bool own = IsOwnCode(pc);
  const uintptr_t distance = own ? 0 : AliasDistance(pc);
  if (own && written.next == begin + *own_innermost + 1) {
    ++*own_innermost;
    return written;
  }
  if (!own && distance == 0) return written;
  written.hash = written.hash * kInverse ^ *--written.next;
  if (own) return written;
  *written.next += distance;
  written.hash = (written.hash ^ *written.next++) * kFactor;
  return written;
}

// The PCs of a walk, and the hash of what was written. Order matters to it, and how many there may be; one
// multiplication a frame keeps up with the walk.
class PcWriter {
 public:
  PcWriter(uintptr_t* pcs, uint32_t max) : next_(pcs), begin_(pcs), end_(pcs + max), hash_(max) {}
  bool full() const { return next_ == end_; }
  void Add(uintptr_t pc) {
    *next_++ = pc;
    hash_ = (hash_ ^ pc) * kFactor;
  }
  void TakeBack() { hash_ = hash_ * kInverse ^ *--next_; }
  void Correct(uintptr_t pc, uint32_t* own_innermost) {
    const Written now = Corrected({next_, hash_}, pc, begin_, own_innermost);
    next_ = now.next;
    hash_ = now.hash;
  }
  WalkResult Result(Truncation::Kind truncated, bool in_handler) const {
    // The high bits, which the multiplications made good, come down.
    return {static_cast<uint32_t>(next_ - begin_), truncated, in_handler, hash_ ^ (hash_ >> 32)};
  }

 private:
  uintptr_t* next_;
  uintptr_t* begin_;
  uintptr_t* end_;
  uint64_t hash_;
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_PC_WRITER_H_
