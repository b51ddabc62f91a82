// SPDX-License-Identifier: Apache-2.0
// The rules met so far, by PC: a global table without locks.
//
// Each entry holds two words, `check` = key ^ rule and the rule. Two threads may write an entry at the same
// time. A reader that sees one word of each does not take them for a rule, because
//     check ^ rule == key
// holds only if both words belong to key, or to keys with the same rule, or to two PCs that differ as their
// rules do.
//
// The last is kept out by when entries are written: once in a generation. Who comes to one from the entry of
// the frame below, in a walk's loop, comes after that; who comes by the index reads the rule again (For).
// The key is the look-up address ^ generation. When the set of modules changes, a new generation starts: no
// old entry matches any more, so that the table is empty at once.
//
// Each entry also points at the two entries that followed it last in a walk. The next walk compares those
// with the return address it has just read, and mostly need not wait for the hash and the table.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Locks: none.
// Invariants: (1) `next` and `other`, of an entry that was filled in and of the sentinel, always point at an
// entry that was filled in or at the sentinel; (2) a rule is only used together with the check that was read
// for it; (3) what was found of a PC stays where it is until the generation ends.
#ifndef HEAPPROF_SAMPLING_UNWIND_RULE_CACHE_H_
#define HEAPPROF_SAMPLING_UNWIND_RULE_CACHE_H_

#include <stdint.h>

#include <atomic>

#include "sampling/unwind/step/rule.h"

namespace heapprof::unwind {

struct alignas(32) CacheEntry {
  std::atomic<uint64_t> check;
  std::atomic<uint64_t> word;
  std::atomic<CacheEntry*> next;
  std::atomic<CacheEntry*> other;  // what `next` was before

  // The rule, if this entry is for `key`; an unset rule otherwise. The entry may be just being written anew:
  // a rule older than the check is told by the second look, which the check's acquire keeps behind it.
  Rule For(uint64_t key) const {
    Rule rule;
    return IsFor(key, &rule) && word.load(std::memory_order_relaxed) == rule.word() ? rule : Rule();
  }
  // The same of an entry that another of this generation leads to. True with an unset rule: an entry that was
  // emptied, and a key of zero. acquire: pairs with the release that filled the entry in, so that `next` may
  // be followed then.
  bool IsFor(uint64_t key, Rule* rule) const {
    *rule = Rule(word.load(std::memory_order_relaxed));
    return (check.load(std::memory_order_acquire) ^ rule->word()) == key;
  }
};

// The entry of a return address (or of an exact PC + 1) and its rule; fills the entry in if it is new. Some
// rules may change while the modules stay (kNoCfi: a JIT's code). Those are looked for each time and not
// kept: the entry is then the sentinel.
struct CacheHit {
  CacheEntry* entry;
  Rule rule;
};
CacheHit FindRule(uintptr_t return_address);
// The same, and `last`, the entry of the frame below, remembers what followed it.
CacheHit FindRuleAfter(CacheEntry* last, uintptr_t return_address);

extern std::atomic<uint64_t> g_generation;
constexpr int kGenerationShift = 48;  // user addresses end below
// How many generations there were before this one.
inline uint64_t GenerationNumber() { return g_generation.load(std::memory_order_relaxed); }
// What a key is XORed with; read once a walk.
inline uint64_t CacheGeneration() { return GenerationNumber() << kGenerationShift; }
inline uint64_t CacheKey(uintptr_t return_address, uint64_t generation) {
  return return_address ^ generation;
}

// An entry whose key never occurs. `next` points at it where nothing has followed yet; its own does too.
CacheEntry* Sentinel();

void StartNewGeneration();
// Forgets which modules walks have met; the watcher is told of each of them again (shown_code.h).
void ForgetSeenModules();

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_RULE_CACHE_H_
