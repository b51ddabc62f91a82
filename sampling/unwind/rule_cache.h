// SPDX-License-Identifier: Apache-2.0
// The rules met so far, by PC: a global table without locks.
//
// An entry holds key ^ rule beside rule, so that a mixture of two writers' words is seen as a miss:
//     check ^ rule == key   only if both words belong to key (or to keys with the same rule).
// The key is the look-up address ^ generation; a changed set of modules starts a new generation, which
// empties the table at once. Each entry also points at the two entries that followed it last: a walk compares
// them with the return address it has just read, instead of waiting for hash and table (the processor guesses
// right).
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Locks: none.
// Invariants: (1) `next` and `other` of an entry that is for a key, and of the sentinel, point at such an
// entry or the sentinel, never elsewhere and never nowhere; (2) a word is only used together with the check
// that was read for it.
#ifndef HEAPPROF_SAMPLING_UNWIND_RULE_CACHE_H_
#define HEAPPROF_SAMPLING_UNWIND_RULE_CACHE_H_

#include <stdint.h>

#include <atomic>

#include "sampling/unwind/rule.h"

namespace heapprof::unwind {

struct alignas(32) CacheEntry {
  std::atomic<uint64_t> check;
  std::atomic<uint64_t> word;
  std::atomic<CacheEntry*> next;
  std::atomic<CacheEntry*> other;  // what `next` was before

  // The rule, if this entry is for `key`; an unset rule otherwise. What `next` points at is for some key once
  // the check was: acquire pairs with the release that filled the entry in.
  Rule For(uint64_t key) const {
    uint64_t rule = word.load(std::memory_order_relaxed);
    return (check.load(std::memory_order_acquire) ^ rule) == key ? Rule(rule) : Rule();
  }
};

// The entry of a return address (or of an exact PC + 1), filled in if need be, and its rule. Rules that may
// change without a change of modules (kNoCfi: a JIT's code) are found anew each time: the entry is the
// sentinel then.
struct CacheHit {
  CacheEntry* entry;
  Rule rule;
};
CacheHit FindRule(uintptr_t return_address);
// The same, and `last`, the entry of the frame below, remembers what followed it.
CacheHit FindRuleAfter(CacheEntry* last, uintptr_t return_address);

// What a key is XORed with; read once a walk.
uint64_t CacheGeneration();
inline uint64_t CacheKey(uintptr_t return_address, uint64_t generation) {
  return return_address ^ generation;
}

// An entry that is for no key that occurs; what follows entries that nothing followed yet, and itself.
CacheEntry* Sentinel();

void StartNewGeneration();
// The modules that walks have met are new again, to the watcher too (shown_code.h).
void ForgetSeenModules();

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_RULE_CACHE_H_
