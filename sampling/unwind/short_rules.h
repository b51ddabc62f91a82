// SPDX-License-Identifier: Apache-2.0
// Rules in one word each, by PC: a table in front of the rule cache.
//
// A walk that goes up a few frames only (last_walk.h) asks for rules of frames that differ from the last
// ones. What followed last in the cache is not what follows now, and to go through its index and entries is
// to wait for memory twice. Here a rule has its place or the one beside it, eight lie in a line, and the
// program loses the fewer lines of the processor's caches.
//
//   bits 0-9    size of the frame in words
//   bits 10-15  where rbp is saved: words below the frame's end; 0: it is not
//   bit 16      CFA = rbp + 16, rbp at rbp; the bits before are 0
//   bits 17-28  the generation's mark, 1 to kShortMarks
//   bits 29-63  of the PC's hash what the pair of its places does not say
//
// The hash takes no two PCs of 48 bits to the same: a word is for one PC. As it is one word, nobody reads
// half of it. Rules that fit no such word are not kept.
//
// A word of a generation that has ended could only count for one that comes kShortMarks later. All are
// cleared twice in that time, so also one that was stored late, and none is left when its mark comes again;
// only a thread that stood for half of them between its last look at the generation and the store behind it
// could bring one back.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Locks: none.
#ifndef HEAPPROF_SAMPLING_UNWIND_SHORT_RULES_H_
#define HEAPPROF_SAMPLING_UNWIND_SHORT_RULES_H_

#include <stdint.h>

#include <atomic>

#include "base/hash.h"
#include "sampling/unwind/step/rule.h"

namespace heapprof::unwind {

constexpr int kLgShortRules = 14, kShortBits = 17, kPcBits = 48;
constexpr uint64_t kShortMarks = 4095, kShortMarkMask = (kShortMarks << kShortBits);
constexpr uint64_t kShortPlainFp = uint64_t{1} << (kShortBits - 1);

extern std::atomic<uint64_t> g_short_rules[1 << kLgShortRules];

// What a walk in this generation asks with.
inline uint64_t ShortMark(uint64_t generation_number) {
  return (generation_number % kShortMarks + 1) << kShortBits;
}

// PCs of 48 bits in its high ones.
inline uint64_t ShortHash(uintptr_t pc) { return pc * (kGoldenRatio << (64 - kPcBits)); }
inline std::atomic<uint64_t>* ShortPlaceOf(uint64_t hash) {
  return &g_short_rules[hash >> (64 - kLgShortRules)];
}
inline uint64_t ShortKey(uint64_t hash, uint64_t mark) { return hash << (kLgShortRules - 1) | mark; }

// The short rule of a return address; at least 1 << kShortBits: it is not at its place.
inline uint64_t ShortRuleOf(uintptr_t pc, uint64_t mark) {
  const uint64_t hash = ShortHash(pc);
  const uint64_t rule = ShortPlaceOf(hash)->load(std::memory_order_relaxed) ^ ShortKey(hash, mark);
  return rule | (pc >> kPcBits << kShortBits);
}
inline uintptr_t ShortSize(uint64_t rule) { return (rule & 1023) * sizeof(uintptr_t); }
inline uintptr_t ShortFpBelow(uint64_t rule) { return (rule >> 10) * sizeof(uintptr_t); }

// The same from the place beside that, where a rule goes when another takes its place, or else from the rule
// cache; it is kept then. One of these where it is no short one: there is no caller; a rule that is too long
// for a word; another rule.
constexpr uint64_t kShortEnd = uint64_t{1} << kShortBits, kShortLong = 2 * kShortEnd,
                   kShortOther = 3 * kShortEnd;
uint64_t FindShortRule(uintptr_t pc, uint64_t mark);

// A generation begins: of those before it whose mark comes again nothing may be left.
void StartShortGeneration(uint64_t number);

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_SHORT_RULES_H_
