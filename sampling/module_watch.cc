// SPDX-License-Identifier: Apache-2.0
#include "sampling/module_watch.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include <atomic>

#include "base/lock/spinlock.h"
#include "base/memory/arena.h"
#include "base/older_libc.h"
#include "base/system/call_on_stack.h"
#include "base/system/loader_lock.h"
#include "base/system/signals_blocked.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/cpu/cpu_sampler.h"
#include "sampling/heap/heap_tables.h"
#include "sampling/memory/mapping_stacks.h"
#include "sampling/modules/modules.h"
#include "sampling/modules/retired_modules.h"
#include "sampling/unwind/cfi/cfi.h"
#include "sampling/unwind/cfi/eh_frame_section.h"
#include "sampling/unwind/cfi/registered_frames.h"
#include "sampling/unwind/shown_code.h"
#include "sampling/unwind/walk.h"
#include "sampling/wall/wall_sampler.h"

namespace heapprof {
namespace {

// What was mapped when we last looked, and room for the next look.
struct Snapshots {
  ModuleTable::Workspace workspace[2];
};

// Held for milliseconds where many stacks are recorded, as are others under it, among them that of the
// allocation's slow path: with all signals blocked, so that no handler of the program allocates meanwhile, or
// forks.
SpinLock<LockRank::kModules> g_lock;
Snapshots* g_snapshots HP_GUARDED_BY(g_lock) = nullptr;
int g_current HP_GUARDED_BY(g_lock) = 0;  // the workspace that holds the modules that are known
uint32_t g_known_count HP_GUARDED_BY(g_lock) = 0;
uint64_t g_seen_loads HP_GUARDED_BY(g_lock) = 0, g_seen_unloads HP_GUARDED_BY(g_lock) = 0;

struct LoaderCounts {
  uint64_t loads, unloads;
};

LoaderCounts CountLoads() {
  if (LoaderLockMayBeLost()) {
    // Always others than before: the mappings are read each time.
    static std::atomic<uint64_t> asked{uint64_t{1} << 63};
    const uint64_t number = asked.fetch_add(1, std::memory_order_relaxed);
    return {number, number};
  }
  LoaderCounts counts = {0, 0};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* to) {
        *static_cast<LoaderCounts*>(to) = {info->dlpi_adds, info->dlpi_subs};
        return 1;  // the first entry has them
      },
      &counts);
  return counts;
}

bool IsStillThere(const Module& module, const ModuleTable& now) {
  uint32_t index = now.Find(module.start);
  if (index == ModuleTable::kNone) return false;
  const Module& found = now.at(index);
  return found.inode == module.inode && found.device == module.device &&
         found.start - found.file_offset == module.start - module.file_offset &&
         strcmp(found.path, module.path) == 0;
}

bool AreAnyStacks() {
  return HeapBuckets().count() != 0 || ProcessProfiles().HasStacks() || ProcessMappings().HasStacks() ||
         cpu::Running() || wall::Running();
}

bool IsInStacks(uint64_t start, uint64_t limit) {
  return HeapBuckets().HasLocationIn(start, limit) || ProcessProfiles().HasLocationIn(start, limit) ||
         ProcessMappings().HasLocationIn(start, limit) || cpu::HasLocationIn(start, limit) ||
         wall::HasLocationIn(start, limit);
}

// A module that a walk has met may be one that went before: its stacks are to be those of that time. On a
// stack of our own, as the thread's may be a small one for signals.
char g_watch_stack[32 << 10] __attribute__((aligned(16)));
std::atomic<bool> g_watching{false};

void AddAliases(void* of) {
  const auto& module = *static_cast<const unwind::UnwindTables*>(of);
  dl_find_object object;
  if (_dl_find_object(reinterpret_cast<void*>(module.code_lo), &object) != 0) return;
  constexpr size_t kMaxSegments = 8;
  CodeSegment code[kMaxSegments];
  const size_t count = ReadCodeSegments(module.code_lo, code, kMaxSegments);
  for (size_t i = 0; i < count; ++i) {
    const RetiredModule* entry =
        ProcessRetiredModules().FindCode(code[i], module.code_lo, object.dlfo_link_map->l_name);
    if (entry != nullptr) unwind::AddAlias(code[i].start, code[i].limit, entry->start);
  }
}

bool WatchModule(const unwind::UnwindTables& module) {
  if (g_watching.exchange(true, std::memory_order_acquire)) return false;
  // No handler of the program's on a stack that has no room for it.
  SignalsBlocked blocked;
  unwind::UnwindTables copy = module;
  CallOnStack(AddAliases, &copy, g_watch_stack + sizeof(g_watch_stack));
  g_watching.store(false, std::memory_order_release);
  return true;
}

void RetireWhatHasGone(const Module* known, uint32_t count, const ModuleTable& now) {
  for (uint32_t i = 0; i < count; ++i) {
    const Module& module = known[i];
    if (module.inode == 0 || IsStillThere(module, now)) continue;
    // Asked for first, so that a module in no stack takes no address.
    if (!IsInStacks(module.start, module.limit)) continue;
    if (const RetiredModule* entry = ProcessRetiredModules().FindOrAdd(module)) {
      unwind::SetModuleWatcher(WatchModule);
      HeapBuckets().MoveLocations(module.start, module.limit, entry->start);
      ProcessProfiles().MoveLocations(module.start, module.limit, entry->start);
      ProcessMappings().MoveLocations(module.start, module.limit, entry->start);
      cpu::MoveLocations(module.start, module.limit, entry->start);
      wall::MoveLocations(module.start, module.limit, entry->start);
    }
  }
}

// Under the lock. False: no memory, or no /proc.
bool ReadInto(int workspace, uint32_t* count) HP_REQUIRES(g_lock) {
  ModuleTable table(&g_snapshots->workspace[workspace]);
  if (table.ReadMapped() != 0) return false;
  *count = table.count();
  return true;
}

}  // namespace

void BeforeUnload() {
  if (!AreAnyStacks()) return;
  LoaderCounts counts = CountLoads();
  SignalsBlocked blocked;
  SpinLockHolder hold(&g_lock);
  if (g_snapshots == nullptr) {
    g_snapshots = static_cast<Snapshots*>(MapMetadata(sizeof(Snapshots)));
    if (g_snapshots == nullptr) return;
  } else if (counts.loads == g_seen_loads && counts.unloads == g_seen_unloads) {
    return;
  }
  if (ReadInto(g_current, &g_known_count)) {
    g_seen_loads = counts.loads;
    g_seen_unloads = counts.unloads;
  }
}

void AfterUnload() {
  LoaderCounts counts = CountLoads();
  SignalsBlocked blocked;
  SpinLockHolder hold(&g_lock);
  if (counts.unloads == g_seen_unloads) return;
  unwind::ForgetEhFrameSections();
  UnwindCacheModulesChanged();
  g_seen_unloads = counts.unloads;
  if (g_snapshots == nullptr || g_known_count == 0) return;
  const Module* known = g_snapshots->workspace[g_current].modules;
  ModuleTable now(&g_snapshots->workspace[g_current ^ 1]);
  if (now.ReadMapped() != 0) return;
  RetireWhatHasGone(known, g_known_count, now);
  g_current ^= 1;
  g_known_count = now.count();
  g_seen_loads = counts.loads;
}

void RegisterFrames(uintptr_t key, uintptr_t begin, uintptr_t text_base, uintptr_t data_base) {
  SignalsBlocked blocked;
  SpinLockHolder hold(&g_lock);
  unwind::PointerBases bases;
  bases.text = text_base;
  bases.data = data_base;
  unwind::g_registered_frames.Add(key, begin, bases);
}

void DeregisterFrames(uintptr_t key) {
  SignalsBlocked blocked;
  SpinLockHolder hold(&g_lock);
  if (unwind::g_registered_frames.Remove(key)) UnwindCacheModulesChanged();
}

bool LockModulesForFork() { return g_lock.LockForFork(); }

void UnlockModulesAfterFork(bool in_child) {
  if (in_child) {
    unwind::g_registered_frames.ForgetReaders();
    g_watching.store(false, std::memory_order_relaxed);
  }
  g_lock.UnlockAfterFork(in_child);
}

}  // namespace heapprof
