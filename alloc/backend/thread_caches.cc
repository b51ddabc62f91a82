// SPDX-License-Identifier: Apache-2.0
#include "alloc/backend/thread_caches.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include <algorithm>
#include <atomic>

#include "alloc/backend/backend.h"
#include "base/system/raw_syscall.h"

extern "C" {
#pragma GCC visibility push(hidden)
// jemalloc's settings lg_tcache_nslots_mul and tcache_gc_incr_bytes, since 5.3.
extern ssize_t hpje_je_opt_lg_tcache_nslots_mul __attribute__((weak));
extern size_t hpje_je_opt_tcache_gc_incr_bytes __attribute__((weak));
// Its arenas, and how many threads an arena has that are the program's.
extern void* hpje_je_arenas[];
unsigned hpje_je_narenas_total_get(void);
unsigned hpje_je_arena_nthreads_get(void* arena, bool internal);
void* hpje_tsd_fetch_slow(void* record, bool minimal);
#pragma GCC visibility pop
}

namespace heapprof {
namespace {

// A cache holds as many blocks of a class as 8 slabs have, and 200 at most: where jemalloc holds those of 2,
// a program whose blocks of many sizes come and go at random meets the ends of the cache, and then an arena's
// lock.
constexpr ssize_t kLgSlabs = 3;

// After so many bytes that a thread has allocated jemalloc looks at one class of its cache, and gives back
// blocks that nobody has wanted since it last looked. jemalloc says 64 KiB for any number of threads.
constexpr size_t kLongest = 1 << 20, kShortest = 64 << 10, kOfAllThreads = 4 << 20;

// A thread that has freed so many blocks without a cache gets one. It takes 40 KiB and 9 us, as much as 500
// frees without one cost more where nobody else wants the bin.
constexpr uint8_t kFreesWithoutCache = 128;
constexpr uint8_t kAsked = kFreesWithoutCache + 1;
__thread uint8_t t_frees_without_cache __attribute__((tls_model("initial-exec")));

// jemalloc goes on with a cache that it got no memory for, and then a free crashes, perhaps of a thread that
// frees because there is no more memory. Asked for is what jemalloc maps at a time for its own records, and
// more than a cache: the kernel's answer holds but for what others take in between.
bool HasMemoryForCache() {
  constexpr long kBytes = 4 << 20;
  const long at = RawSyscall(SYS_mmap, 0, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at < 0 && at > -4096) return false;
  RawSyscall(SYS_munmap, at, kBytes);
  return true;
}

bool g_ours;  // false: somebody has said how often
std::atomic<uint32_t> g_made{0}, g_counted_at{0}, g_threads{1};

bool Says(const char* settings) {
  return settings != nullptr && strstr(settings, "tcache_gc_incr_bytes:") != nullptr;
}

uint32_t CountThreads() {
  uint32_t threads = 0;
  const unsigned arenas = hpje_je_narenas_total_get();
  for (unsigned i = 0; i < arenas; ++i) {
    void* arena = __atomic_load_n(&hpje_je_arenas[i], __ATOMIC_ACQUIRE);
    if (arena != nullptr) threads += hpje_je_arena_nthreads_get(arena, false);
  }
  return std::max(threads, 1U);
}

}  // namespace

void StartThreadCaches(const char* program, const char* user, const char* machine) {
  if (&hpje_je_opt_lg_tcache_nslots_mul == nullptr || &hpje_je_opt_tcache_gc_incr_bytes == nullptr) return;
  hpje_je_opt_lg_tcache_nslots_mul = kLgSlabs;
  g_ours = !Says(program) && !Says(user) && !Says(machine);
  if (g_ours) hpje_je_opt_tcache_gc_incr_bytes = kLongest;
}

void ThreadCachesOfOneMore() {
  if (!g_ours) return;
  // Counted anew only when the number may have changed by a quarter: with many processors there are many
  // arenas. relaxed throughout: two that are made at once may count alike, and the next thread counts again.
  const uint32_t made = g_made.fetch_add(1, std::memory_order_relaxed) + 1;
  const uint32_t since = made - g_counted_at.load(std::memory_order_relaxed);
  if (since * 4 < g_threads.load(std::memory_order_relaxed)) return;
  g_counted_at.store(made, std::memory_order_relaxed);
  const uint32_t threads = CountThreads() + 1;
  g_threads.store(threads, std::memory_order_relaxed);
  const size_t bytes = std::clamp(kOfAllThreads / threads, kShortest, kLongest);
  // relaxed: jemalloc reads it whenever a thread has allocated that much.
  __atomic_store_n(&hpje_je_opt_tcache_gc_incr_bytes, bytes, __ATOMIC_RELAXED);
}

}  // namespace heapprof

// What jemalloc calls in place of its tsd_fetch_slow for a thread in any state but the usual. `minimal` comes
// from functions that free: a thread that has never allocated is left without a cache then, and takes a bin's
// lock for each block that it frees, however many they are. In all other states `minimal` says nothing.
extern "C" void* hpje_tsd_fetch_slow(void* record, bool minimal) {
  using heapprof::t_frees_without_cache;
  if (minimal && t_frees_without_cache < heapprof::kFreesWithoutCache) {
    ++t_frees_without_cache;
  } else if (minimal && t_frees_without_cache != heapprof::kAsked && !heapprof::HasMemoryForCache()) {
    t_frees_without_cache = 0;  // asked again after as many
  } else {
    if (minimal) t_frees_without_cache = heapprof::kAsked;
    minimal = false;
  }
  return hpje_je_tsd_fetch_slow(record, minimal);
}
