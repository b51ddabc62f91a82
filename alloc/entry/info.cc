// SPDX-License-Identifier: Apache-2.0
// glibc's ways to ask the allocator about itself, answered from jemalloc's statistics.
#include <limits.h>
#include <malloc.h>
#include <stdint.h>

#include "alloc/backend/backend.h"
#include "alloc/backend/statistics.h"
#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "base/older_libc.h"

using heapprof::ReadStatistic;
using heapprof::RefreshStatistics;

namespace {

int Clamp(size_t value) { return value > INT_MAX ? INT_MAX : static_cast<int>(value); }

}  // namespace

extern "C" {

// arena: bytes of pages that hold blocks; uordblks: bytes of blocks in use; fordblks: the difference;
// keepcost: bytes of pages that are kept, resident, for later use.
HEAPPROF_EXPORT struct mallinfo2 mallinfo2(void) noexcept {
  heapprof::Initialize();
  RefreshStatistics();
  struct mallinfo2 info = {};
  size_t allocated = ReadStatistic("stats.allocated");
  size_t active = ReadStatistic("stats.active");
  size_t used = active + ReadStatistic("stats.metadata");
  size_t resident = ReadStatistic("stats.resident");
  info.arena = active;
  info.uordblks = allocated;
  info.fordblks = active > allocated ? active - allocated : 0;
  info.keepcost = resident > used ? resident - used : 0;
  return info;
}

HEAPPROF_EXPORT struct mallinfo mallinfo(void) noexcept {
  struct mallinfo2 wide = mallinfo2();
  struct mallinfo info = {};
  info.arena = Clamp(wide.arena);
  info.uordblks = Clamp(wide.uordblks);
  info.fordblks = Clamp(wide.fordblks);
  info.keepcost = Clamp(wide.keepcost);
  return info;
}

// Gives back what all arenas keep; `pad`, which is about the top of glibc's heap, means nothing here.
HEAPPROF_EXPORT int malloc_trim(size_t) noexcept {
  heapprof::Initialize();
  RefreshStatistics();
  size_t before = ReadStatistic("stats.resident");
  hpje_mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  hpje_mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // 4096: all arenas
  RefreshStatistics();
  return ReadStatistic("stats.resident") < before ? 1 : 0;
}

}  // extern "C"
