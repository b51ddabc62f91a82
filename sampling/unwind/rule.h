// The unwind rule of one PC on x86-64, in one machine word.
//
// With CFA the value of rsp before the call that made the frame, a step computes
//
//   kSp            CFA = rsp + a
//   kFp            CFA = rbp + a
//   kFpDeref       CFA = *(rbp + a)                      a realigned frame (GCC, Clang)
//   kPlt           CFA = rsp + 8 + 8 * ((pc & 15) >= a)  a PLT stub, which pushes at its offset a
//   kSignal        registers from the ucontext at rsp    __restore_rt
//   kEnd           no caller                             _start, clone
//   kNoRule        CFI exists, but says what we do not know
//   kNoCfi         no CFI at all: code of a JIT, hand-written assembly
//
//   caller's pc  = *(CFA - 8)
//   caller's rsp = CFA
//   caller's rbp = rbp                  where the frame has not saved it
//                = *(CFA + b)           where it has
//                = *(rbp + b)           where it has and kFpSavedAtFp is set (realigned frames)
//
// An unset rule is the word 0, which no PC has.
#ifndef HEAPPROF_SAMPLING_UNWIND_RULE_H_
#define HEAPPROF_SAMPLING_UNWIND_RULE_H_

#include <stdint.h>

namespace heapprof::unwind {

class Rule {
 public:
  enum Kind : uint64_t { kUnset = 0, kSp, kFp, kFpDeref, kPlt, kSignal, kEnd, kNoRule, kNoCfi };

  constexpr Rule() : word_(0) {}
  constexpr explicit Rule(uint64_t word) : word_(word) {}
  static constexpr Rule Of(Kind kind, int32_t a = 0) {
    return Rule(kind | (static_cast<uint64_t>(static_cast<uint32_t>(a)) << 32));
  }

  // The frame saved rbp at CFA + b, or at rbp + b. False: b does not fit.
  constexpr bool SetFpSaved(int64_t b, bool at_fp) {
    if (b < -kMaxFpOffset || b >= kMaxFpOffset) return false;
    word_ |= kFpSaved | (at_fp ? kFpSavedAtFp : 0);
    word_ |= (static_cast<uint64_t>(b) & kFpMask) << kFpShift;
    return true;
  }

  Kind kind() const { return static_cast<Kind>(word_ & 15); }
  int64_t a() const { return static_cast<int64_t>(word_) >> 32; }
  bool fp_saved() const { return (word_ & kFpSaved) != 0; }
  bool fp_saved_at_fp() const { return (word_ & kFpSavedAtFp) != 0; }
  int64_t b() const { return static_cast<int64_t>(word_ << 32) >> (32 + kFpShift); }
  uint64_t word() const { return word_; }

 private:
  // bits 0-3 kind, 4 fp saved, 5 at fp, 6-31 b (signed), 32-63 a (signed)
  static constexpr uint64_t kFpSaved = 1 << 4, kFpSavedAtFp = 1 << 5;
  static constexpr int kFpShift = 6;
  static constexpr uint64_t kFpMask = (uint64_t{1} << 26) - 1;
  static constexpr int64_t kMaxFpOffset = int64_t{1} << 25;
  uint64_t word_;
};

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_RULE_H_
