// SPDX-License-Identifier: Apache-2.0
// The stretch of a stack that a walk may read: the thread's own stack when its bounds are known, else the
// pages that the kernel said are there. It moves up with the walk, and to another stack when a signal came in
// on one.
//
// Thread-safety: one walk's. Signal-safety: yes. Allocates: never. Locks: none. errno is left alone.
#ifndef HEAPPROF_SAMPLING_UNWIND_STACK_WINDOW_H_
#define HEAPPROF_SAMPLING_UNWIND_STACK_WINDOW_H_

#include <stdint.h>

#include "base/system/raw_syscall.h"
#include "sampling/unwind/cfi/registers.h"
#include "sampling/unwind/walk.h"

namespace heapprof::unwind {

// A word of a stack, wherever it lies: a sanitizer that knows red zones and alignment is not asked.
__attribute__((no_sanitize("address"))) inline uintptr_t LoadWord(uintptr_t address) {
  uintptr_t value;
  __builtin_memcpy(&value, reinterpret_cast<const void*>(address), sizeof(value));
  return value;
}

class StackWindow {
 public:
  StackWindow(uintptr_t sp, const StackBounds& bounds) : bounds_(bounds), lowest_(sp) { EndAt(sp); }
  const StackBounds& bounds() const { return bounds_; }

  // Whether a frame at `sp` can have its caller's below: its code changed to a stack that lies higher. A walk
  // may leave the thread's own stack and come back to it, and go from one foreign stack to another, but not
  // down where it has been; corrupt frames end soon.
  bool MayGoDown(uintptr_t sp, uintptr_t cfa) {
    constexpr uint32_t kMaxChanges = 64;
    const bool was_own = IsOwn(sp), is_own = IsOwn(cfa);
    if ((was_own && is_own) || (!was_own && !is_own && cfa >= lowest_) || changes_ == kMaxChanges)
      return false;
    ++changes_;
    lowest_ = cfa;
    return true;
  }
  // A signal came in on another stack than the one it interrupted.
  void StartAnew(uintptr_t sp) { lowest_ = sp; }

  // False: the word at `address` is not to be had.
  bool Read(uintptr_t address, uintptr_t* value) {
    if (address < low_ || address >= high_ || high_ - address < sizeof(*value)) {
      if (!Grow(address)) return false;
    }
    *value = LoadWord(address);
    return true;
  }

  // Where the readable stretch ends that begins at `sp`: every word in [sp, end) may be read.
  uintptr_t EndAt(uintptr_t sp) {
    if (sp >= bounds_.low && sp < bounds_.high) {
      low_ = sp;
      high_ = bounds_.high;
    } else if (sp < low_ || sp > high_) {
      low_ = high_ = sp;  // nothing is known of this stack yet
    }
    return high_;
  }

 private:
  static constexpr uintptr_t kPage = 4096, kLowest = 65536;

  bool IsOwn(uintptr_t sp) const { return sp >= bounds_.low && sp <= bounds_.high && bounds_.high != 0; }

  __attribute__((noinline, cold)) bool Grow(uintptr_t address) {
    if (address % sizeof(address) != 0 || address >= kUserEnd || address < kLowest) return false;
    if (!RawReadable(reinterpret_cast<const void*>(address))) return false;
    uintptr_t page = address & ~(kPage - 1);
    // The next page of the same stack widens what is known; below it, or elsewhere, that page is what is
    // known.
    if (page != high_) low_ = page;
    high_ = page + kPage;
    return true;
  }

  uintptr_t low_ = 0, high_ = 0;
  StackBounds bounds_;
  uintptr_t lowest_;  // where the walk entered this stack
  uint32_t changes_ = 0;
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_STACK_WINDOW_H_
