// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/shown_code.h"

#include <atomic>

namespace heapprof::unwind {
namespace {

uintptr_t g_own_lo, g_own_hi;

// lo == 0: free. hi is the last to be written and the first to go.
struct Alias {
  std::atomic<uintptr_t> lo, hi, to;
};
Alias g_aliases[64];
std::atomic<bool> g_any_aliases{false};  // there ever were
std::atomic<ModuleWatcher> g_watcher{nullptr};

}  // namespace

void SetOwnCode(uintptr_t lo, uintptr_t hi) {
  g_own_lo = lo;
  g_own_hi = hi;
}

bool IsOwnCode(uintptr_t pc) { return pc >= g_own_lo && pc < g_own_hi; }

void AddAlias(uintptr_t lo, uintptr_t hi, uintptr_t to) {
  if (AliasDistance(lo) == to - lo) return;
  for (Alias& alias : g_aliases) {
    uintptr_t nothing = 0;
    if (!alias.lo.compare_exchange_strong(nothing, lo, std::memory_order_relaxed)) continue;
    alias.to.store(to, std::memory_order_relaxed);
    // release: the alias before what makes it found.
    alias.hi.store(hi, std::memory_order_release);
    g_any_aliases.store(true, std::memory_order_release);
    return;
  }
}

void ForgetAliases(uintptr_t lo, uintptr_t hi) {
  if (!g_any_aliases.load(std::memory_order_acquire)) return;
  for (Alias& alias : g_aliases) {
    const uintptr_t begin = alias.lo.load(std::memory_order_relaxed);
    const uintptr_t end = alias.hi.load(std::memory_order_relaxed);
    if (end == 0 || end <= lo || begin >= hi) continue;
    alias.hi.store(0, std::memory_order_relaxed);
    // release: not found any more before it can be taken anew.
    alias.lo.store(0, std::memory_order_release);
  }
}

bool IsShownOtherwise(uintptr_t pc) { return IsOwnCode(pc) || AliasDistance(pc) != 0; }

uintptr_t AliasDistance(uintptr_t pc) {
  if (!g_any_aliases.load(std::memory_order_acquire)) return 0;
  for (const Alias& alias : g_aliases) {
    const uintptr_t hi = alias.hi.load(std::memory_order_acquire);
    const uintptr_t lo = alias.lo.load(std::memory_order_relaxed);
    if (pc >= hi || pc < lo || lo == 0) continue;
    return alias.to.load(std::memory_order_relaxed) - lo;
  }
  return 0;
}

void SetModuleWatcher(ModuleWatcher watcher) { g_watcher.store(watcher, std::memory_order_release); }

bool TellModuleWatcher(const UnwindTables& module) {
  const ModuleWatcher watcher = g_watcher.load(std::memory_order_acquire);
  return watcher == nullptr || watcher(module);
}

}  // namespace heapprof::unwind
