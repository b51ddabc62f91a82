// SPDX-License-Identifier: Apache-2.0
// The unwind rule of one PC on aarch64, in one machine word, and a step by it: what walk_aarch64.cc will
// stand on. The walk itself, the cache and the reading of CFI know no registers; this is what an architecture
// adds.
//
//   kSp            CFA = sp + a
//   kFp            CFA = x29 + a
//   kEnd           no caller
//   kNoRule        what the CFI says does not fit a word
//   kNoCfi         no CFI at all: the frame record at x29 is followed (AAPCS64, 6.4.6)
//
//   caller's pc  = strip(lr)              where the frame has not saved it: in a leaf
//                = strip(*(CFA + c))      where it has
//   caller's sp  = CFA
//   caller's x29 = x29, or *(CFA + b) where it was saved
//
// strip takes the pointer authentication code off: a return address of user space has zeros above its 48 bits
// (DW_CFA_AARCH64_negate_ra_state says which are signed; taking the bits off the others changes nothing).
// Only the first frame of a walk may be a leaf: a frame that called has saved lr.
//
// Bits: 0-31 a, 32-44 b / 8, 45-57 c / 8 (all signed), 58 x29 saved, 59 lr saved, 60-63 kind.
// Thread-safety, signal-safety: as Memory's (step_x86_64.h). Allocates: never. Locks: none.
#ifndef HEAPPROF_SAMPLING_UNWIND_STEP_AARCH64_H_
#define HEAPPROF_SAMPLING_UNWIND_STEP_AARCH64_H_

#include <stdint.h>

namespace heapprof::unwind::aarch64 {

struct Registers {
  uintptr_t pc, sp, fp, lr;
};

enum class Step { kCalled, kEnd, kLost };

constexpr uintptr_t kWord = 8;
constexpr uintptr_t StripAuthentication(uintptr_t pointer) { return pointer & ((uintptr_t{1} << 48) - 1); }

class Rule {
 public:
  enum Kind : uint64_t { kSp = 0, kFp, kEnd, kNoRule, kNoCfi };

  constexpr Rule() : word_(0) {}
  static constexpr Rule Of(Kind kind, int32_t a = 0) {
    Rule rule;
    rule.word_ = (kind << 60) | static_cast<uint32_t>(a);
    return rule;
  }
  // x29 at CFA + b; lr at CFA + c. False: it does not fit.
  constexpr bool SetFpSaved(int64_t b) { return SetSaved(b, 32, uint64_t{1} << 58); }
  constexpr bool SetLrSaved(int64_t c) { return SetSaved(c, 45, uint64_t{1} << 59); }

  constexpr Kind kind() const { return static_cast<Kind>(word_ >> 60); }
  constexpr int64_t a() const { return static_cast<int32_t>(word_); }
  constexpr bool fp_saved() const { return (word_ >> 58 & 1) != 0; }
  constexpr bool lr_saved() const { return (word_ >> 59 & 1) != 0; }
  constexpr int64_t b() const { return Offset(32); }
  constexpr int64_t c() const { return Offset(45); }

 private:
  static constexpr int kOffsetBits = 13;
  constexpr bool SetSaved(int64_t offset, int shift, uint64_t flag) {
    constexpr int64_t kMax = int64_t{8} << (kOffsetBits - 1);
    if (offset % 8 != 0 || offset < -kMax || offset >= kMax) return false;
    word_ |= flag | ((static_cast<uint64_t>(offset / 8) & ((1u << kOffsetBits) - 1)) << shift);
    return true;
  }
  constexpr int64_t Offset(int shift) const {
    return (static_cast<int64_t>(word_ << (64 - kOffsetBits - shift)) >> (64 - kOffsetBits)) * 8;
  }
  uint64_t word_;
};

template <class Memory>
Step StepByRule(Rule rule, Registers* registers, Memory* memory) {
  Registers& r = *registers;
  if (rule.kind() == Rule::kEnd) return Step::kEnd;
  if (rule.kind() == Rule::kNoCfi) {
    // A frame record: the caller's x29, and the return address beside it; 0 ends the chain.
    uintptr_t caller_fp, return_address;
    if (r.fp == 0) return Step::kEnd;
    if (r.fp % kWord != 0 || r.fp < r.sp || !memory->Read(r.fp, &caller_fp) ||
        !memory->Read(r.fp + kWord, &return_address)) {
      return Step::kLost;
    }
    r = {StripAuthentication(return_address), r.fp + 2 * kWord, caller_fp, 0};
    return r.pc == 0 ? Step::kEnd : Step::kCalled;
  }
  if (rule.kind() != Rule::kSp && rule.kind() != Rule::kFp) return Step::kLost;
  const uintptr_t cfa = (rule.kind() == Rule::kSp ? r.sp : r.fp) + static_cast<uintptr_t>(rule.a());
  uintptr_t return_address = r.lr, caller_fp = r.fp;
  // A leaf may have no frame at all; any other frame lies above the one that it called.
  if (cfa < r.sp || (cfa == r.sp && rule.lr_saved())) return Step::kLost;
  if (rule.lr_saved() && !memory->Read(cfa + static_cast<uintptr_t>(rule.c()), &return_address)) {
    return Step::kLost;
  }
  if (rule.fp_saved() && !memory->Read(cfa + static_cast<uintptr_t>(rule.b()), &caller_fp))
    return Step::kLost;
  if (!rule.lr_saved() && r.lr == 0) return Step::kLost;  // no leaf: its lr is not known any more
  r = {StripAuthentication(return_address), cfa, caller_fp, 0};
  return r.pc == 0 ? Step::kEnd : Step::kCalled;
}

}  // namespace heapprof::unwind::aarch64

#endif  // HEAPPROF_SAMPLING_UNWIND_STEP_AARCH64_H_
