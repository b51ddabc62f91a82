#include "sampling/unwind/rule_cache.h"

#include <dlfcn.h>

#include "sampling/unwind/cfi.h"

namespace heapprof::unwind {
namespace {

constexpr int kCacheBits = 14;        // 512 KiB; cc1plus at interval 1 meets 6,400 PCs
constexpr int kGenerationShift = 48;  // user addresses end below

CacheEntry g_cache[1 << kCacheBits];
// For the key of all ones alone, which no generation makes of a PC, and then without a rule.
CacheEntry g_sentinel = {{~Rule::Of(Rule::kNoRule).word()}, {Rule::Of(Rule::kNoRule).word()}, {&g_sentinel}};
std::atomic<uint64_t> g_generation{0};

Rule LookUp(uintptr_t return_address) {
  uintptr_t pc = return_address - 1;  // inside the call, which may be the last instruction of its function
  dl_find_object module;
  if (_dl_find_object(reinterpret_cast<void*>(pc), &module) != 0 || module.dlfo_eh_frame == nullptr) {
    return Rule::Of(Rule::kNoCfi);
  }
  UnwindTables tables = {reinterpret_cast<uintptr_t>(module.dlfo_map_start),
                         reinterpret_cast<uintptr_t>(module.dlfo_map_end),
                         reinterpret_cast<uintptr_t>(module.dlfo_eh_frame)};
  return RuleFromCfi(tables, pc);
}

}  // namespace

uint64_t CacheGeneration() { return g_generation.load(std::memory_order_relaxed) << kGenerationShift; }

CacheEntry* Sentinel() { return &g_sentinel; }

void StartNewGeneration() { g_generation.fetch_add(1, std::memory_order_relaxed); }

CacheHit FindRule(uintptr_t return_address) {
  uint64_t key = CacheKey(return_address, CacheGeneration());
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;
  uint64_t slot = (key * kGolden) >> (64 - kCacheBits);
  CacheEntry* first = &g_cache[slot];
  CacheEntry* second = &g_cache[slot ^ 1];
  if (Rule rule = first->For(key); rule.is_set()) return {first, rule};
  if (Rule rule = second->For(key); rule.is_set()) return {second, rule};

  Rule rule = LookUp(return_address);
  if (rule.kind() == Rule::kNoCfi) return {&g_sentinel, rule};
  CacheEntry* entry = second->word.load(std::memory_order_relaxed) == 0 ? second : first;
  entry->next.store(&g_sentinel, std::memory_order_relaxed);
  entry->word.store(rule.word(), std::memory_order_relaxed);
  entry->check.store(key ^ rule.word(), std::memory_order_release);
  return {entry, rule};
}

CacheHit FindRuleAfter(CacheEntry* last, uintptr_t return_address) {
  CacheHit hit = FindRule(return_address);
  if (last != &g_sentinel && hit.entry != &g_sentinel) last->next.store(hit.entry, std::memory_order_relaxed);
  return hit;
}

}  // namespace heapprof::unwind
