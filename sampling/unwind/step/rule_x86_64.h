// SPDX-License-Identifier: Apache-2.0
// The unwind rule of one PC on x86-64, in one machine word.
//
// With CFA the value of rsp before the call that made the frame, a step computes
//
//   kSp            CFA = rsp + a                         8 <= a < 2^31
//   kFp            CFA = rbp + a
//   kFpDeref       CFA = *(rbp + a)                      a realigned frame (GCC, Clang)
//   kPlt           CFA = rsp + 8 + 8 * ((pc & 15) >= a)  a PLT stub, which pushes at its offset a
//   kSignal        registers from the ucontext at rsp    __restore_rt
//   kEnd           no caller                             _start, clone
//   kNoRule        what the CFI says does not fit a word: full_step_x86_64.h tries
//   kNoCfi         no CFI at all: code of a JIT, hand-written assembly
//
//   caller's pc  = *(CFA - 8)
//   caller's rsp = CFA
//   caller's rbp = rbp                  where the frame has not saved it
//                = *(CFA + b)           where it has
//                = *(rbp + b)           where it has and fp_saved_at_fp is set (realigned frames)
//
// The word:
//   bits 0-31   a, signed
//   bits 32-57  b, signed
//   bit 58      rbp is saved
//   bit 59      rbp is saved relative to rbp
//   bits 60-62  kind
//   bit 63      marked: profiles show another PC in place of this one (shown_code.h)
// Two rules are so frequent that a walk must know each by one comparison. In optimised code it is CFA = rsp +
// a with rbp kept: as kSp is 0, its word is the number a. In code with frame pointers it is CFA = rbp + 16
// with rbp saved at rbp: it is written as the number 1, which is never an a of kSp. The word 0 is no rule.
#ifndef HEAPPROF_SAMPLING_UNWIND_STEP_RULE_X86_64_H_
#define HEAPPROF_SAMPLING_UNWIND_STEP_RULE_X86_64_H_

#include <stdint.h>

namespace heapprof::unwind {

class Rule {
 public:
  enum Kind : uint64_t { kSp = 0, kFp, kFpDeref, kPlt, kSignal, kEnd, kNoRule, kNoCfi };

  constexpr Rule() : word_(0) {}
  constexpr explicit Rule(uint64_t word) : word_(word) {}
  // A kSp that would not lead to a caller above becomes kNoRule.
  static constexpr Rule Of(Kind kind, int32_t a = 0) {
    if (kind == kSp && a < 8) return Rule(kNoRule << kKindShift);
    return Rule((kind << kKindShift) | static_cast<uint32_t>(a));
  }

  // The frame saved rbp at CFA + b, or, if `at_fp`, at rbp + b. False: b does not fit the word, or lies
  // outside the frame. (As b is checked here, the walk's loop need not.)
  constexpr bool SetFpSaved(int64_t b, bool at_fp) {
    if (b < -kMaxFpOffset || b >= kMaxFpOffset) return false;
    if (kind() == kSp && !at_fp && (b < -a() || b > -8)) return false;
    if (word_ == ((kFp << kKindShift) | 16) && b == -16 && !at_fp) {
      word_ = kPlainFp;
      return true;
    }
    word_ |= kFpSaved | (at_fp ? kFpSavedAtFp : 0);
    word_ |= (static_cast<uint64_t>(b) & kFpMask) << kFpShift;
    return true;
  }

  // Marks the rule. The walk's loop then leaves it to the code for rare rules.
  constexpr void Mark() {
    if (is_plain_fp())
      word_ = (kFp << kKindShift) | 16 | kFpSaved | (static_cast<uint64_t>(-16) & kFpMask) << kFpShift;
    word_ |= kMarked;
  }
  constexpr bool is_marked() const { return (word_ & kMarked) != 0; }

  constexpr Kind kind() const {
    return is_plain_fp() ? kFp : static_cast<Kind>((word_ & ~kMarked) >> kKindShift);
  }
  constexpr int64_t a() const { return is_plain_fp() ? 16 : static_cast<int32_t>(word_); }
  constexpr bool fp_saved() const { return (word_ & kFpSaved) != 0 || is_plain_fp(); }
  constexpr bool fp_saved_at_fp() const { return (word_ & kFpSavedAtFp) != 0; }
  constexpr int64_t b() const { return is_plain_fp() ? -16 : FpOffset(); }
  constexpr uint64_t word() const { return word_; }
  constexpr bool is_set() const { return word_ != 0; }

  // The rules that the walk's loop knows. Either of the next two:
  constexpr bool is_plain() const { return word_ <= INT32_MAX; }
  // `push rbp; mov rbp, rsp`: CFA = rbp + 16, rbp at rbp.
  constexpr bool is_plain_fp() const { return word_ == kPlainFp; }
  // That, or no rule.
  constexpr bool is_plain_fp_or_unset() const { return word_ <= kPlainFp; }
  // CFA = rsp + a, rbp kept.
  constexpr uint64_t plain_sp_a() const { return word_; }
  // CFA = rsp + a, rbp saved at CFA + b, -a <= b <= -8.
  constexpr bool is_sp_with_fp_saved() const { return (word_ >> kFlagShift) == 1; }
  constexpr uint64_t framed_sp_a() const { return static_cast<uint32_t>(word_); }
  constexpr int64_t framed_sp_b() const { return FpOffset(); }

 private:
  constexpr int64_t FpOffset() const {
    return static_cast<int64_t>(word_ << (32 - kFpBits)) >> (32 + 32 - kFpBits);
  }
  static constexpr uint64_t kPlainFp = 1;
  static constexpr int kFpShift = 32, kFpBits = 26, kFlagShift = 58, kKindShift = 60;
  static constexpr uint64_t kFpSaved = uint64_t{1} << 58, kFpSavedAtFp = uint64_t{1} << 59;
  static constexpr uint64_t kMarked = uint64_t{1} << 63;
  static constexpr uint64_t kFpMask = (uint64_t{1} << kFpBits) - 1;
  static constexpr int64_t kMaxFpOffset = int64_t{1} << (kFpBits - 1);
  uint64_t word_;
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_STEP_RULE_X86_64_H_
