// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/rule_cache.h"

#include "base/hash.h"
#include "sampling/unwind/cfi/cfi.h"
#include "sampling/unwind/seen_modules.h"
#include "sampling/unwind/short_rules.h"
#include "sampling/unwind/shown_code.h"
#include "sampling/unwind/step/rule_of_row.h"

namespace heapprof::unwind {
namespace {

// Entries are handed out in the order of first visit, so that the frames of a stack lie side by side; an
// index by key finds them. cc1plus at interval 1 meets 6,400 PCs. When all are out, a new generation begins.
// Both arrays are untouched memory until used.
constexpr uint32_t kEntries = 1 << 16;
constexpr int kIndexBits = 17;
constexpr uint64_t kMaxProbes = 8;

CacheEntry g_entries[kEntries];  // 0 is never handed out: "none" in the index
std::atomic<uint16_t> g_index[1 << kIndexBits];
// How many are out, and above that of which generation. So a number is handed out once in a generation, with
// that generation's key.
constexpr int kCountBits = 32;
std::atomic<uint64_t> g_handed_out{0};
// For the key of all ones alone, which no generation makes of a PC, and then without a rule.
CacheEntry g_sentinel = {
    {~Rule::Of(Rule::kNoRule).word()}, {Rule::Of(Rule::kNoRule).word()}, {&g_sentinel}, {&g_sentinel}};
SeenModules g_seen;

constexpr uint64_t kIndexMask = (uint64_t{1} << kIndexBits) - 1;

uint64_t IndexOf(uint64_t key) { return (key * kGoldenRatio) >> (64 - kIndexBits); }

std::atomic<uint16_t>* IndexSlot(uint64_t key, uint64_t probe) {
  return &g_index[(IndexOf(key) + probe) & kIndexMask];
}

// Whether `slot` leads to a rule of this generation that it was made for. Slots of earlier generations are
// not cleared: they lead to entries that have been handed out anew, for other keys.
bool IsTaken(const std::atomic<uint16_t>* slot, uint64_t generation) {
  const CacheEntry& entry = g_entries[slot->load(std::memory_order_relaxed)];
  const uint64_t key =
      entry.check.load(std::memory_order_relaxed) ^ entry.word.load(std::memory_order_relaxed);
  if (key == 0 || (key ^ generation) >> kGenerationShift != 0) return false;
  const auto position = static_cast<uint64_t>(slot - g_index);
  return ((position - IndexOf(key)) & kIndexMask) < kMaxProbes;
}

uint64_t KeyIn(uint64_t generation, uintptr_t return_address) {
  return CacheKey(return_address, generation << kGenerationShift);
}

// Where a new rule goes, and the key under which: the first slot that is not taken gets a fresh entry; when
// all are, the first one does. What that led to stays as it is, for those who come to it from the frame
// below.
CacheEntry* EntryFor(uintptr_t return_address, uint64_t* key) {
  const uint64_t out = g_handed_out.fetch_add(1, std::memory_order_relaxed);
  const auto number = static_cast<uint32_t>(out) + 1;
  *key = KeyIn(out >> kCountBits, return_address);
  if (number >= kEntries) {
    StartNewGeneration();
    return &g_sentinel;
  }
  std::atomic<uint16_t>* slot = IndexSlot(*key, 0);
  for (uint64_t probe = 0; probe < kMaxProbes; ++probe) {
    if (IsTaken(IndexSlot(*key, probe), *key)) continue;
    slot = IndexSlot(*key, probe);
    break;
  }
  slot->store(static_cast<uint16_t>(number), std::memory_order_relaxed);
  return &g_entries[number];
}

Rule LookUp(uintptr_t return_address) {
  uintptr_t pc = return_address - 1;  // inside the call, which may be the last instruction of its function
  const TablesFor code(pc);
  if (!code.found()) return Rule::Of(Rule::kNoCfi);
  if (!g_seen.Knows(code.tables())) {
    ForgetAliases(code.tables().code_lo, code.tables().code_hi);
    if (TellModuleWatcher(code.tables()) && g_seen.Replaces(code.tables())) StartNewGeneration();
  }
  Rule rule = RuleFromCfi(code.tables(), pc);
  if (IsShownOtherwise(pc)) rule.Mark();
  return rule;
}

// Not in the first slot of its key.
__attribute__((noinline)) CacheHit FindRuleElsewhere(uintptr_t return_address) {
  uint64_t key = CacheKey(return_address, CacheGeneration());
  for (uint64_t probe = 1; probe < kMaxProbes; ++probe) {
    uint32_t number = IndexSlot(key, probe)->load(std::memory_order_relaxed);
    if (number == 0) break;
    CacheEntry* entry = &g_entries[number];
    if (Rule rule = entry->For(key); rule.is_set()) return {entry, rule};
  }

  Rule rule = LookUp(return_address);
  if (rule.kind() == Rule::kNoCfi) return {&g_sentinel, rule};
  CacheEntry* entry = EntryFor(return_address, &key);  // of the generation that the look-up may have begun
  if (entry == &g_sentinel) return {entry, rule};
  entry->next.store(&g_sentinel, std::memory_order_relaxed);
  entry->other.store(&g_sentinel, std::memory_order_relaxed);
  entry->word.store(rule.word(), std::memory_order_relaxed);
  entry->check.store(key ^ rule.word(), std::memory_order_release);
  return {entry, rule};
}

}  // namespace

std::atomic<uint64_t> g_generation{0};

CacheEntry* Sentinel() { return &g_sentinel; }

void ForgetSeenModules() { g_seen.Forget(); }

void StartNewGeneration() {
  uint64_t generation = g_generation.fetch_add(1, std::memory_order_relaxed) + 1;
  if (generation << kGenerationShift == 0) {
    // The numbers begin again: what was left of their first round would count as known.
    for (CacheEntry& entry : g_entries) {
      entry.word.store(0, std::memory_order_relaxed);
      entry.check.store(0, std::memory_order_relaxed);
    }
  }
  StartShortGeneration(generation);
  uint64_t out = g_handed_out.load(std::memory_order_relaxed);
  while (!g_handed_out.compare_exchange_weak(out, ((out >> kCountBits) + 1) << kCountBits,
                                             std::memory_order_relaxed)) {
  }
}

CacheHit FindRule(uintptr_t return_address) {
  uint64_t key = CacheKey(return_address, CacheGeneration());
  CacheEntry* entry = &g_entries[IndexSlot(key, 0)->load(std::memory_order_relaxed)];
  Rule rule = entry->For(key);
  return __builtin_expect(rule.is_set(), 1) ? CacheHit{entry, rule} : FindRuleElsewhere(return_address);
}

CacheHit FindRuleAfter(CacheEntry* last, uintptr_t return_address) {
  CacheHit hit = FindRule(return_address);
  if (last != &g_sentinel && hit.entry != &g_sentinel) {
    // release: the entry before its address, by whomever it was filled in. Who follows it reads by that
    // address.
    last->other.store(last->next.load(std::memory_order_relaxed), std::memory_order_release);
    last->next.store(hit.entry, std::memory_order_release);
  }
  return hit;
}

}  // namespace heapprof::unwind
