// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/last_walk.h"

#include "sampling/unwind/pc_writer.h"
#include "sampling/unwind/rule_cache.h"
#include "sampling/unwind/short_rules.h"
#include "sampling/unwind/stack_window.h"
#include "sampling/unwind/step/step.h"

namespace heapprof {
namespace {

using unwind::kShortBits;
using unwind::kShortPlainFp;
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

}  // namespace

__attribute__((noinline, cold)) void LastWalk::Begin(uint64_t generation, uintptr_t stack_end, uint32_t max) {
  generation_ = generation;
  mark_ = unwind::ShortMark(generation);
  stack_end_ = stack_end;
  max_ = max;
  count_ = kRoot;
  for (uint32_t i = 0; i < kRoot; ++i) {
    frames_[i] = {reinterpret_cast<uintptr_t>(&frames_[i].pc) + kWord, 0};
    details_[i] = {};
  }
  details_[kRoot - 1].hash = max;
}

// Such stacks come in a row, in programs with a JIT for instance: to try each would cost twice.
__attribute__((noinline, cold)) bool LastWalk::GiveUp() {
  constexpr uint32_t kLongest = 15;
  pause_ = next_pause_;
  next_pause_ = next_pause_ < kLongest ? 2 * next_pause_ + 1 : kLongest;
  Forget();
  return false;
}

// Not 0: the word below a frame is not its pc.
inline uintptr_t LastWalk::Changed(const Frame& frame) { return LoadWord(frame.sp - kWord) ^ frame.pc; }

// Of the frames above frame `at` the first from the root whose word is another than it was; 0: none is. No
// branch is taken on a single word, and on all of them one.
__attribute__((always_inline)) inline uint32_t LastWalk::FindChanged(uint32_t at) const {
  const Frame* block = nullptr;
  for (const Frame* i = frames_ + at - 1; i >= frames_ + kRoot; i -= kBlock) {
    const uintptr_t changed = Changed(i[0]) | Changed(i[-1]) | Changed(i[-2]) | Changed(i[-3]) |
                              Changed(i[-4]) | Changed(i[-5]) | Changed(i[-6]) | Changed(i[-7]);
    block = changed != 0 ? i : block;
  }
  if (__builtin_expect(block == nullptr, 1)) return 0;
  block -= kBlock - 1;
  while (Changed(*block) == 0) ++block;
  return static_cast<uint32_t>(block - frames_);
}

// The same of the words from which rbp was read.
__attribute__((noinline)) uint32_t LastWalk::FindChangedFp(uint32_t at) const {
  for (uint32_t word = 0; word < details_[at].fp_words; ++word) {
    if (LoadWord(fp_words_[word].address) == fp_words_[word].value) continue;
    uint32_t i = at - 1;
    while (details_[i].fp_words > word) --i;
    return i;
  }
  return 0;
}

// Moves the new frames, from `top` on, to behind frame `at`, and completes them. This is for those of which
// none needs rbp.
__attribute__((always_inline)) inline uint32_t LastWalk::TakeOver(uint32_t at, uint32_t top) {
  const uint32_t fp_words = details_[at].fp_words;
  uint64_t hash = details_[at].hash;
  uint32_t to = at;
  for (; top < kCapacity; ++top) {
    const uintptr_t pc = LoadAlone(frames_[top].pc), sp = LoadAlone(frames_[top].sp);
    ++to;
    // The root may be no call, but the zero that says that there is no caller.
    if (__builtin_expect(pc != 0, 1)) hash = unwind::HashWith(hash, pc);
    frames_[to] = {sp, pc};
    details_[to].hash = hash;
    details_[to].fp_words = fp_words;
    details_[to].needs_fp = false;
    at_place_[PlaceOf(sp)] = static_cast<uint8_t>(to);
  }
  return to;
}

// `fp_at` is where rbp of frame `at` lies; that of a new frame is in its hash, with whether its step is by
// rbp in needs_fp.
__attribute__((noinline)) uint32_t LastWalk::TakeOverWithFp(uint32_t at, uint32_t top, uintptr_t fp_at) {
  const Details& met = details_[at];
  uint32_t fp_words = met.fp_words;
  uint64_t hash = met.hash;
  bool needs_fp = met.needs_fp;
  uint32_t to = at;
  for (; top < kCapacity; ++top) {
    const Frame frame = {LoadAlone(frames_[top].sp), LoadAlone(frames_[top].pc)};
    const uintptr_t own_fp_at = LoadAlone(details_[top].hash);
    // Where the step from this frame has read the rbp of the one above, which is needed there.
    if (needs_fp && own_fp_at != fp_at) fp_words_[fp_words++] = {fp_at, details_[to].fp};
    needs_fp = details_[top].needs_fp || (needs_fp && own_fp_at == fp_at);
    fp_at = own_fp_at;
    ++to;
    if (__builtin_expect(frame.pc != 0, 1)) hash = unwind::HashWith(hash, frame.pc);
    frames_[to] = frame;
    details_[to] = {hash, needs_fp ? LoadWord(fp_at) : 0, fp_words, needs_fp};
    at_place_[PlaceOf(frame.sp)] = static_cast<uint8_t>(to);
  }
  return to;
}

bool LastWalk::IsAvailable() { return true; }

bool LastWalk::Walk(const CallerFrame& start, const StackBounds& bounds, uint32_t max, WalkResult* result) {
  const uint64_t generation = unwind::GenerationNumber();
  const uintptr_t end = bounds.high;
  uintptr_t pc = start.pc, sp = start.sp;
  if (__builtin_expect(sp < bounds.low || sp >= end || sp < unwind::kLowestCode || pc == 0, 0)) return false;
  if (__builtin_expect(pause_ != 0, 0)) {
    --pause_;
    return false;
  }
  if (__builtin_expect(generation_ != generation || stack_end_ != end || max_ != max, 0))
    Begin(generation, end, max);

  // As in WalkStack's loop, every word in [sp, end) may be read, and the values stay in processor registers.
  // Of rbp it is kept where it lies: few frames need it.
  uintptr_t fp_at = reinterpret_cast<uintptr_t>(&start.fp);
  uint32_t at, top = kCapacity;
  uint32_t met_before = count_;  // only what is not behind this may be met
  bool by_fp = false;            // one of the new frames' steps is
  for (;;) {
    at = at_place_[PlaceOf(sp)];
    if (((frames_[at].sp ^ sp) | (frames_[at].pc ^ pc)) == 0 && at < met_before) {
      const Details& met = details_[at];
      if (__builtin_expect(!met.needs_fp || LoadWord(fp_at) == met.fp, 1)) {
        uint32_t changed = FindChanged(at);
        if (__builtin_expect(met.fp_words != 0, 0) && changed == 0) changed = FindChangedFp(at);
        if (__builtin_expect(changed == 0, 1)) break;
        met_before = changed + 1;
      }
    }

    if (__builtin_expect(--top <= count_, 0)) return GiveUp();
    frames_[top].sp = sp;
    frames_[top].pc = pc;
    details_[top].hash = fp_at;
    uint64_t rule = unwind::ShortRuleOf(pc, mark_);
    if (__builtin_expect(rule >> kShortBits != 0, 0)) {
      rule = unwind::FindShortRule(pc, mark_);
      if (rule >> kShortBits != 0 && rule != unwind::kShortLong) {
        if (rule != unwind::kShortEnd) return GiveUp();
        details_[top].needs_fp = false;
        at = kRoot - 1;
        break;
      }
    }
    if (__builtin_expect(rule < kShortPlainFp, 1)) {
      details_[top].needs_fp = false;
      sp += unwind::ShortSize(rule);
      const uintptr_t below = unwind::ShortFpBelow(rule);
      fp_at = below != 0 ? sp - below : fp_at;
      if (__builtin_expect(sp > end, 0)) return GiveUp();
    } else if (rule == kShortPlainFp) {
      details_[top].needs_fp = by_fp = true;
      const uintptr_t fp = LoadWord(fp_at);
      if (__builtin_expect(fp < sp || fp > end - 2 * kWord, 0)) return GiveUp();
      fp_at = fp;
      sp = fp + 2 * kWord;
    } else {
      details_[top].needs_fp = false;
      const Rule whole = unwind::FindRule(pc).rule;
      const bool framed = whole.is_sp_with_fp_saved();
      if (!framed && !(whole.is_plain() && whole.is_set())) return GiveUp();
      sp += framed ? whole.framed_sp_a() : whole.plain_sp_a();
      if (framed) fp_at = sp + static_cast<uintptr_t>(whole.framed_sp_b());
      if (sp > end) return GiveUp();
    }
    pc = LoadWord(sp - kWord);
  }
  const uint32_t leaf = __builtin_expect(by_fp || details_[at].needs_fp, 0) ? TakeOverWithFp(at, top, fp_at)
                                                                            : TakeOver(at, top);
  count_ = leaf + 1;
  const uint32_t depth = count_ - kRoot - (frames_[kRoot].pc == 0 ? 1 : 0);
  // A generation that began meanwhile may have other rules for what this walk took over.
  if (__builtin_expect(depth > max || unwind::GenerationNumber() != generation, 0)) return GiveUp();
  next_pause_ = 0;
  *result = {depth, Truncation::kNone, false, unwind::FinalHash(details_[leaf].hash)};
  return true;
}

}  // namespace heapprof
