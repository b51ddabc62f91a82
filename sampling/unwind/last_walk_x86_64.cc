// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/last_walk.h"

#include "base/hash.h"
#include "sampling/unwind/pc_writer.h"
#include "sampling/unwind/rule_cache.h"
#include "sampling/unwind/stack_window.h"
#include "sampling/unwind/step/step.h"

namespace heapprof {
namespace {

using unwind::kWord;
using unwind::LoadWord;
using unwind::Rule;

// A value that was just stored by itself is loaded by itself: the processor waits for both stores of a pair
// to reach the cache before it loads them as one.
template <typename T>
inline T LoadAlone(const T& from) {
  T value = from;
  asm("" : "+r"(value));
  return value;
}

// Where a step by `rule`, one of those that the loop takes, reads rbp, from the CFA; 0: it does not.
inline int32_t FpSlot(Rule rule) {
  return rule.is_plain_fp() ? -2 * static_cast<int32_t>(kWord) : static_cast<int32_t>(rule.framed_sp_b());
}

}  // namespace

__attribute__((noinline, cold)) void LastWalk::Begin(uint64_t generation, uintptr_t stack_end, uint32_t max) {
  generation_ = generation;
  stack_end_ = stack_end;
  max_ = max;
  count_ = kRoot;
  for (uint32_t i = 0; i < kRoot; ++i) {
    frames_[i] = {reinterpret_cast<uintptr_t>(&frames_[i].pc) + kWord, 0};
    details_[i] = {};
  }
  details_[kRoot - 1].hash = max;
  for (KnownRule& known : rules_) known = {};
}

// Such stacks come in a row, in programs with a JIT for instance: to try each would cost twice.
__attribute__((noinline, cold)) bool LastWalk::GiveUp() {
  constexpr uint32_t kLongest = 15;
  pause_ = next_pause_;
  next_pause_ = next_pause_ < kLongest ? 2 * next_pause_ + 1 : kLongest;
  Forget();
  return false;
}

// Whether rbp of frame `i` is what it was where the step to it has read it.
inline bool LastWalk::IsFpUnchanged(uint32_t i) const {
  const Details& details = details_[i];
  return !details.needs_fp || details.fp_slot == 0 ||
         LoadWord(frames_[i].sp + static_cast<uintptr_t>(intptr_t{details.fp_slot})) == details.fp;
}

// Whether what the steps from frame `at` on have read is as it was. No branch is taken on a single word.
inline bool LastWalk::IsUnchangedAbove(uint32_t at) const {
  uintptr_t changed = 0;
  for (const Frame* frame = frames_ + at - 1; frame >= frames_ + kRoot; frame -= 4) {
    for (int i = 0; i < 4; ++i) changed |= LoadWord(frame[-i].sp - kWord) ^ frame[-i].pc;
  }
  if (changed != 0) return false;
  if (__builtin_expect(!details_[at].any_needs, 1)) return true;
  uint32_t i = at - 1;
  while (i >= kRoot && IsFpUnchanged(i)) --i;
  return i < kRoot;
}

// The first from the root of which that is not so.
__attribute__((noinline)) uint32_t LastWalk::FindChanged(uint32_t at) const {
  uint32_t i = kRoot;
  while (i < at && LoadWord(frames_[i].sp - kWord) == frames_[i].pc && IsFpUnchanged(i)) ++i;
  return i;
}

// Moves the new frames, from `top` on, to behind frame `at`, and completes them.
inline void LastWalk::TakeOver(uint32_t at, uint32_t top) {
  Frame* to = frames_ + at;
  Details* details = details_ + at;
  uint64_t hash = details->hash;
  bool needs_fp = details->needs_fp, any_needs = details->any_needs;
  for (; top < kCapacity; ++top) {
    const Rule rule(LoadAlone(details_[top].hash));
    const uintptr_t pc = LoadAlone(frames_[top].pc), sp = LoadAlone(frames_[top].sp);
    details->fp_slot = FpSlot(rule);  // of the frame above
    ++to;
    ++details;
    // The root may be no call, but the zero that says that there is no caller.
    if (__builtin_expect(pc != 0, 1)) hash = unwind::HashWith(hash, pc);
    needs_fp = rule.is_plain_fp() || (needs_fp && !rule.is_sp_with_fp_saved());
    any_needs |= needs_fp;
    to->sp = sp;
    to->pc = pc;
    details->fp = LoadAlone(details_[top].fp);
    details->hash = hash;
    details->needs_fp = needs_fp;
    details->any_needs = any_needs;
    at_place_[PlaceOf(sp)] = static_cast<uint8_t>(to - frames_);
  }
  details->fp_slot = 0;
  count_ = static_cast<uint32_t>(to - frames_) + 1;
}

// The new frames of a walk are those that differ: what followed a frame last, by which WalkStack guesses, is
// mostly not what follows now, and a wrong guess costs more than this look.
inline Rule LastWalk::RuleOf(uintptr_t pc) {
  KnownRule* known = &rules_[(pc * kGoldenRatio) >> (64 - kLgRules)];
  if (__builtin_expect(known->pc != pc, 0)) *known = {pc, pc == 0 ? 0 : unwind::FindRule(pc).rule.word()};
  return Rule(known->word);
}

bool LastWalk::IsAvailable() { return true; }

bool LastWalk::Walk(const CallerFrame& start, const StackBounds& bounds, uint32_t max, WalkResult* result) {
  const uint64_t generation = unwind::GenerationNumber();
  const uintptr_t end = bounds.high;
  uintptr_t pc = start.pc, sp = start.sp, fp = start.fp;
  if (__builtin_expect(sp < bounds.low || sp >= end || sp < unwind::kLowestCode || pc == 0, 0)) return false;
  if (__builtin_expect(pause_ != 0, 0)) {
    --pause_;
    return false;
  }
  if (__builtin_expect(generation_ != generation || stack_end_ != end || max_ != max, 0))
    Begin(generation, end, max);

  uint32_t at;
  uint32_t met_before = count_;  // only what is not behind this may be met
  const auto meets = [&]() __attribute__((always_inline)) {
    at = at_place_[PlaceOf(sp)];
    if (frames_[at].sp != sp || frames_[at].pc != pc || at >= met_before ||
        (details_[at].needs_fp && details_[at].fp != fp))
      return false;
    if (__builtin_expect(IsUnchangedAbove(at), 1)) return true;
    met_before = FindChanged(at) + 1;
    return false;
  };

  // As in WalkStack's loop, every word in [sp, end) may be read, and the values stay in processor registers.
  uint32_t top = kCapacity;
  if (!meets()) {
    Rule rule = RuleOf(pc);
    for (;;) {
      if (__builtin_expect(--top <= count_, 0)) return GiveUp();
      frames_[top].sp = sp;
      frames_[top].pc = pc;
      details_[top].fp = fp;
      details_[top].hash = rule.word();
      uintptr_t cfa;
      if (__builtin_expect(rule.is_plain(), 1)) {
        if (rule.is_plain_fp_or_unset()) {
          if (__builtin_expect(!rule.is_set(), 0)) {
            if (pc != 0) return GiveUp();
            at = kRoot - 1;
            break;
          }
          if (__builtin_expect(fp < sp || fp > end - 2 * kWord, 0)) return GiveUp();
          cfa = fp + 2 * kWord;
          fp = LoadWord(fp);
        } else {
          cfa = sp + rule.plain_sp_a();
          if (__builtin_expect(cfa > end, 0)) return GiveUp();
        }
      } else if (rule.is_sp_with_fp_saved()) {
        cfa = sp + rule.framed_sp_a();
        if (__builtin_expect(cfa > end, 0)) return GiveUp();
        fp = LoadWord(cfa + static_cast<uintptr_t>(rule.framed_sp_b()));
      } else {
        if (rule.kind() != Rule::kEnd) return GiveUp();
        at = kRoot - 1;
        break;
      }
      pc = LoadWord(cfa - kWord);
      sp = cfa;
      if (meets()) break;

      rule = RuleOf(pc);
    }
  }
  details_[at].fp = fp;
  TakeOver(at, top);
  const uint32_t depth = count_ - kRoot - (frames_[kRoot].pc == 0 ? 1 : 0);
  // A generation that began meanwhile may have other rules for what this walk took over.
  if (__builtin_expect(depth > max || unwind::GenerationNumber() != generation, 0)) return GiveUp();
  next_pause_ = 0;
  *result = {depth, Truncation::kNone, false, unwind::FinalHash(details_[count_ - 1].hash)};
  return true;
}

}  // namespace heapprof
