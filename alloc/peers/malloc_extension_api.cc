// SPDX-License-Identifier: Apache-2.0
// The functions of gperftools/malloc_extension_c.h, answered from jemalloc's statistics. Weak, as those of
// gperftools_api.cc.
#include <stdint.h>
#include <string.h>

#include "alloc/backend/backend.h"
#include "alloc/backend/statistics.h"
#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "base/system/own_mappings.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"

#define HEAPPROF_WEAK_EXPORT __attribute__((weak, visibility("default")))

namespace heapprof {
namespace {

// 4096 stands for all arenas.
size_t PagesOf(const char* name) { return ReadStatistic(name) * ReadStatistic("arenas.page"); }

size_t Above(size_t a, size_t b) { return a > b ? a - b : 0; }

struct Property {
  const char* name;
  size_t (*read)();
};
constexpr Property kProperties[] = {
    {"generic.current_allocated_bytes", [] { return ReadStatistic("stats.allocated"); }},
    // Addresses that the allocator has, without those that it has given back and keeps.
    {"generic.heap_size", [] { return ReadStatistic("stats.mapped"); }},
    {"generic.total_physical_bytes", [] { return ReadStatistic("stats.resident"); }},
    // Whole pages that are free, and those of them that were given back.
    {"tcmalloc.pageheap_free_bytes",
     [] { return PagesOf("stats.arenas.4096.pdirty") + PagesOf("stats.arenas.4096.pmuzzy"); }},
    {"tcmalloc.pageheap_unmapped_bytes", [] { return ReadStatistic("stats.retained"); }},
    {"tcmalloc.slack_bytes",
     [] { return PagesOf("stats.arenas.4096.pdirty") + PagesOf("stats.arenas.4096.pmuzzy"); }},
    {"tcmalloc.pageheap_committed_bytes", [] { return ReadStatistic("stats.mapped"); }},
    // Free blocks, in pages that have others in use.
    {"tcmalloc.central_cache_free_bytes",
     [] {
       return Above(ReadStatistic("stats.active"),
                    ReadStatistic("stats.allocated") + ReadStatistic("stats.arenas.4096.tcache_bytes"));
     }},
    {"tcmalloc.transfer_cache_free_bytes", [] { return size_t{0}; }},
    {"tcmalloc.thread_cache_free_bytes", [] { return ReadStatistic("stats.arenas.4096.tcache_bytes"); }},
    {"tcmalloc.current_total_thread_cache_bytes",
     [] { return ReadStatistic("stats.arenas.4096.tcache_bytes"); }},
};

// jemalloc may look at what is not its own only if it has it mapped.
bool IsMappedByBackend(uintptr_t address) {
  const size_t room = CopyOwnMappings(MappingOwner::kAllocator, nullptr, 0) + 64;
  auto* ranges = static_cast<AddressRange*>(RawMap(room * sizeof(AddressRange)));
  if (ranges == nullptr) return false;
  size_t count = CopyOwnMappings(MappingOwner::kAllocator, ranges, room);
  if (count > room) count = room;
  bool found = false;
  for (size_t i = 0; i < count; ++i) found |= address >= ranges[i].start && address < ranges[i].end;
  RawUnmap(ranges, room * sizeof(AddressRange));
  return found;
}

void FlushOwnCache() { hpje_mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0); }

}  // namespace
}  // namespace heapprof

extern "C" {

// jemalloc checks nothing of this kind; so there is nothing that it found.
HEAPPROF_WEAK_EXPORT int MallocExtension_VerifyAllMemory(void) { return 1; }
HEAPPROF_WEAK_EXPORT int MallocExtension_VerifyNewMemory(const void*) { return 1; }
HEAPPROF_WEAK_EXPORT int MallocExtension_VerifyArrayNewMemory(const void*) { return 1; }
HEAPPROF_WEAK_EXPORT int MallocExtension_VerifyMallocMemory(const void*) { return 1; }

// As tcmalloc answers without its debugging form.
HEAPPROF_WEAK_EXPORT int MallocExtension_MallocMemoryStats(int* blocks, size_t* total, int histogram[64]) {
  constexpr size_t kHistogram = 64;
  *blocks = 0;
  *total = 0;
  memset(histogram, 0, kHistogram * sizeof(int));
  return 1;
}

HEAPPROF_WEAK_EXPORT void MallocExtension_GetStats(char* buffer, int size) {
  if (buffer == nullptr || size <= 0) return;
  heapprof::Initialize();
  heapprof::TextWriter text(buffer, static_cast<size_t>(size));
  hpje_malloc_stats_print(
      [](void* out, const char* piece) { static_cast<heapprof::TextWriter*>(out)->Str(piece); }, &text,
      "gmdablx");
}

HEAPPROF_WEAK_EXPORT int MallocExtension_GetNumericProperty(const char* name, size_t* value) {
  heapprof::Initialize();
  if (name == nullptr || value == nullptr) return 0;
  for (const heapprof::Property& property : heapprof::kProperties) {
    if (strcmp(property.name, name) != 0) continue;
    heapprof::RefreshStatistics();
    *value = property.read();
    return 1;
  }
  return 0;
}

// Those of tcmalloc's own workings are no one's here.
HEAPPROF_WEAK_EXPORT int MallocExtension_SetNumericProperty(const char*, size_t) { return 0; }

HEAPPROF_WEAK_EXPORT void MallocExtension_MarkThreadIdle(void) {
  heapprof::Initialize();
  heapprof::FlushOwnCache();
}
HEAPPROF_WEAK_EXPORT void MallocExtension_MarkThreadTemporarilyIdle(void) {
  heapprof::Initialize();
  heapprof::FlushOwnCache();
}
HEAPPROF_WEAK_EXPORT void MallocExtension_MarkThreadBusy(void) {}

HEAPPROF_WEAK_EXPORT void MallocExtension_ReleaseFreeMemory(void) {
  heapprof::Initialize();
  hpje_mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
}
// There is no part of it to be had.
HEAPPROF_WEAK_EXPORT void MallocExtension_ReleaseToSystem(size_t) {
  heapprof::Initialize();
  hpje_mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
}

HEAPPROF_WEAK_EXPORT size_t MallocExtension_GetEstimatedAllocatedSize(size_t size) {
  heapprof::Initialize();
  return size == 0 ? 0 : hpje_nallocx(size, 0);
}
HEAPPROF_WEAK_EXPORT size_t MallocExtension_GetAllocatedSize(const void* block) {
  return heapprof::UsableSize(block);
}

HEAPPROF_WEAK_EXPORT size_t MallocExtension_GetThreadCacheSize(void) {
  heapprof::Initialize();
  heapprof::RefreshStatistics();
  return heapprof::ReadStatistic("stats.arenas.4096.tcache_bytes");
}

// 1: ours, 2: not.
HEAPPROF_WEAK_EXPORT int MallocExtension_GetOwnership(const void* block) {
  heapprof::Initialize();
  constexpr int kOwned = 1, kNotOwned = 2;
  unsigned arena;
  size_t size = sizeof(arena);
  const bool found = heapprof::IsMappedByBackend(reinterpret_cast<uintptr_t>(block)) &&
                     hpje_mallctl("arenas.lookup", &arena, &size, &block, sizeof(block)) == 0;
  return found ? kOwned : kNotOwned;
}

}  // extern "C"
