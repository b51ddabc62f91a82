#include "sampling/retired_modules.h"

#include <link.h>
#include <string.h>

#include <atomic>

#include "base/arena.h"
#include "base/spinlock.h"
#include "sampling/bucket_table.h"
#include "sampling/modules.h"
#include "sampling/unwind/walk.h"

namespace heapprof {
namespace {

constexpr uint64_t kPage = 4096;

// What was mapped when we last looked, and room for the next look.
struct Snapshots {
  ModuleTable::Workspace workspace[2];
};

SpinLock g_lock(LockRank::kModules);
Snapshots* g_snapshots = nullptr;
int g_current = 0;  // the workspace that holds g_known
uint32_t g_known_count = 0;
uint64_t g_seen_loads = 0, g_seen_unloads = 0;

ChunkedArray<RetiredModule, 6, 64> g_retired;
std::atomic<uint32_t> g_retired_count{0};
uint64_t g_next_address = kRetiredBase;

struct LoaderCounts {
  uint64_t loads, unloads;
};

LoaderCounts CountLoads() {
  LoaderCounts counts = {0, 0};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* to) {
        *static_cast<LoaderCounts*>(to) = {info->dlpi_adds, info->dlpi_subs};
        return 1;  // the first entry has them
      },
      &counts);
  return counts;
}

// A copy that lives for ever.
const char* KeepText(const char* text) {
  constexpr size_t kRoom = 64 << 10;
  static char* room = nullptr;
  static size_t left = 0;
  size_t size = strlen(text) + 1;
  if (size > left) {
    room = size > kRoom ? nullptr : static_cast<char*>(MapMetadata(kRoom));
    left = room == nullptr ? 0 : kRoom;
    if (room == nullptr) return nullptr;
  }
  char* kept = room;
  memcpy(kept, text, size);
  room += size;
  left -= size;
  return kept;
}

// The entry of a module, a new one if it never went before. nullptr: no memory.
const RetiredModule* EntryOf(const Module& module) {
  uint32_t count = g_retired_count.load(std::memory_order_relaxed);
  const uint64_t size = module.limit - module.start;
  for (uint32_t i = 0; i < count; ++i) {
    const RetiredModule* entry = g_retired.At(i);
    if (entry->limit - entry->start == size && entry->file_offset == module.file_offset &&
        strcmp(entry->path, module.path) == 0 && strcmp(entry->build_id, module.build_id) == 0) {
      return entry;
    }
  }
  if (!g_retired.Reserve(count, 1)) return nullptr;
  const char* path = KeepText(module.path);
  const char* build_id = module.build_id[0] == '\0' ? "" : KeepText(module.build_id);
  if (path == nullptr || build_id == nullptr) return nullptr;
  *g_retired.At(count) = {g_next_address, g_next_address + size, module.file_offset, path, build_id};
  g_next_address += size + kPage;
  // release: the entry before the count that covers it.
  g_retired_count.store(count + 1, std::memory_order_release);
  return g_retired.At(count);
}

bool IsStillThere(const Module& module, const ModuleTable& now) {
  uint32_t index = now.Find(module.start);
  if (index == ModuleTable::kNone) return false;
  const Module& found = now.at(index);
  return found.inode == module.inode && found.device == module.device &&
         found.start - found.file_offset == module.start - module.file_offset &&
         strcmp(found.path, module.path) == 0;
}

void RetireWhatHasGone(const Module* known, uint32_t count, const ModuleTable& now) {
  for (uint32_t i = 0; i < count; ++i) {
    const Module& module = known[i];
    if (module.inode == 0 || IsStillThere(module, now)) continue;
    // Asked for first, so that a module in no stack takes no address.
    if (!HaveLocationsIn(module.start, module.limit)) continue;
    if (const RetiredModule* entry = EntryOf(module)) {
      MoveLocations(module.start, module.limit, entry->start);
    }
  }
}

// Under the lock. False: no memory, or no /proc.
bool ReadInto(int workspace, uint32_t* count) {
  ModuleTable table(&g_snapshots->workspace[workspace]);
  if (table.ReadMapped() != 0) return false;
  *count = table.count();
  return true;
}

}  // namespace

uint32_t RetiredModuleCount() { return g_retired_count.load(std::memory_order_acquire); }
const RetiredModule& RetiredModuleAt(uint32_t index) { return *g_retired.At(index); }

void BeforeUnload() {
  if (BucketCount() == 0) return;
  LoaderCounts counts = CountLoads();
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
  SpinLockHolder hold(&g_lock);
  if (counts.unloads == g_seen_unloads) return;
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

void LockModulesForFork() { g_lock.LockForFork(); }

void UnlockModulesAfterFork(bool in_child) {
  if (in_child) {
    g_lock.ResetAfterFork();
  } else {
    g_lock.Unlock();
  }
}

}  // namespace heapprof
