// SPDX-License-Identifier: Apache-2.0
// The unwind rule of one PC on aarch64, in one machine word.
//
//   kSp            CFA = sp + a
//   kFp            CFA = x29 + a
//   kEnd           no caller
//   kNoRule        what the CFI says does not fit a word: full_step.h tries
//   kNoCfi         no CFI at all, or that of a handler's return, which is known by its code
//
//   caller's pc  = strip(x30)             where the frame has not saved it: in a leaf
//                = strip(*(CFA + c))      where it has
//   caller's sp  = CFA
//   caller's x29 = x29, or *(CFA + b) where it was saved
//
// strip takes the pointer authentication code off: an address of user space has zeros above its 48 bits (the
// CFI says which are signed; taking the bits off the others changes nothing). Only the first frame of a walk
// may be a leaf: a frame that called has saved x30.
//
// Bits: 0-31 a, 32-44 b / 8, 45-57 c / 8 (all signed), 58 x29 saved, 59 x30 saved, 60-62 kind, 63 marked:
// profiles show another PC in place of this one (shown_code.h). The word 0 is no rule.
//
// In a namespace of its own, so that its arithmetic is tested on any machine. Thread-safety, signal-safety: a
// value.
#ifndef HEAPPROF_SAMPLING_UNWIND_STEP_RULE_AARCH64_H_
#define HEAPPROF_SAMPLING_UNWIND_STEP_RULE_AARCH64_H_

#include <stdint.h>

namespace heapprof::unwind::aarch64 {

class Rule {
 public:
  enum Kind : uint64_t { kSp = 1, kFp, kEnd, kNoRule, kNoCfi };

  constexpr Rule() : word_(0) {}
  constexpr explicit Rule(uint64_t word) : word_(word) {}
  static constexpr Rule Of(Kind kind, int32_t a = 0) {
    return Rule((kind << kKindShift) | static_cast<uint32_t>(a));
  }
  // x29 at CFA + b; x30 at CFA + c. False: it does not fit.
  constexpr bool SetFpSaved(int64_t b) { return SetSaved(b, kFpShift, kFpSaved); }
  constexpr bool SetLinkSaved(int64_t c) { return SetSaved(c, kLinkShift, kLinkSaved); }
  constexpr void Mark() { word_ |= kMarked; }

  constexpr Kind kind() const { return static_cast<Kind>((word_ & ~kMarked) >> kKindShift); }
  constexpr int64_t a() const { return static_cast<int32_t>(word_); }
  constexpr bool fp_saved() const { return (word_ & kFpSaved) != 0; }
  constexpr bool link_saved() const { return (word_ & kLinkSaved) != 0; }
  constexpr int64_t b() const { return Offset(kFpShift); }
  constexpr int64_t c() const { return Offset(kLinkShift); }
  constexpr uint64_t word() const { return word_; }
  constexpr bool is_set() const { return word_ != 0; }
  constexpr bool is_marked() const { return (word_ & kMarked) != 0; }
  // What the walk's loop does itself: a frame that called, by sp or x29.
  constexpr bool is_plain() const {
    return (word_ & (kMarked | kLinkSaved)) == kLinkSaved && word_ >> kKindShift <= kFp;
  }

 private:
  static constexpr int kOffsetBits = 13, kFpShift = 32, kLinkShift = 45, kKindShift = 60;
  static constexpr uint64_t kFpSaved = uint64_t{1} << 58, kLinkSaved = uint64_t{1} << 59;
  static constexpr uint64_t kMarked = uint64_t{1} << 63;
  constexpr bool SetSaved(int64_t offset, int shift, uint64_t flag) {
    constexpr int64_t kMax = int64_t{8} << (kOffsetBits - 1);
    // Above the CFA nothing of the frame's is.
    if (offset % 8 != 0 || offset < -kMax || offset > -8) return false;
    word_ |= flag | ((static_cast<uint64_t>(offset / 8) & ((1u << kOffsetBits) - 1)) << shift);
    return true;
  }
  constexpr int64_t Offset(int shift) const {
    return (static_cast<int64_t>(word_ << (64 - kOffsetBits - shift)) >> (64 - kOffsetBits)) * 8;
  }
  uint64_t word_;
};

}  // namespace heapprof::unwind::aarch64

#endif  // HEAPPROF_SAMPLING_UNWIND_STEP_RULE_AARCH64_H_
