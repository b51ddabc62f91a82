// SPDX-License-Identifier: Apache-2.0
// Looks, while the library is built, whether the private jemalloc lies in memory as
// alloc/backend/jemalloc_bins.h says, by watching what its functions do to the thread's record. Prints the
// header that the fast path includes: HEAPPROF_JEMALLOC_BINS is 1 or 0, and, of jemalloc_pages.h,
// HEAPPROF_JEMALLOC_PAGES. HEAPPROF_JEMALLOC_PROFILER: whether it has settings of its own profiler. What
// differed goes to stderr.
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "alloc/backend/cached_sizes.h"
#include "alloc/backend/jemalloc_bins.h"
#include "alloc/backend/jemalloc_pages.h"
#include "sampling/thread/sample_classes.h"

extern "C" {
extern __thread char hpje_je_tsd_tls[] __attribute__((tls_model("initial-exec"), visibility("hidden")));
extern uint8_t hpje_je_sz_size2index_tab[];
extern size_t hpje_je_sz_index2size_tab[];
extern const char hpje_je_arena_emap_global[];
extern const char hpje_je_bin_infos[];
void* hpje_malloc(size_t size);
void hpje_free(void* block);
void hpje_je_je_sdallocx_noflags(void* block, size_t size);
size_t hpje_nallocx(size_t size, int flags);
int hpje_mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size);

// What the private jemalloc calls of ours.
int hpje_register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
  return pthread_atfork(prepare, parent, child);
}
int hpje_mutex_lock(pthread_mutex_t* mutex) { return pthread_mutex_lock(mutex); }
void* hpje_mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  return mmap(at, size, protection, flags, fd, offset);
}
int hpje_clock_gettime(clockid_t clock, timespec* now) { return clock_gettime(clock, now); }
ssize_t hpje_readlink(const char* path, char* to, size_t size) { return readlink(path, to, size); }
int hpje_sched_getcpu() { return sched_getcpu(); }
int hpje_sched_yield() { return sched_yield(); }
long hpje_syscall(long number, long a, long b, long c, long d, long e, long f) {
  return syscall(number, a, b, c, d, e, f);
}
void hpje_je_arena_reset(void* thread, void* arena);
void hpje_arena_reset(void* thread, void* arena) { hpje_je_arena_reset(thread, arena); }
void hpje_je_arena_decay(void* thread, void* arena, bool in_background, bool all);
void hpje_arena_decay(void* thread, void* arena, bool in_background, bool all) {
  hpje_je_arena_decay(thread, arena, in_background, all);
}
void* hpje_je_tsd_fetch_slow(void* record, bool minimal);
void* hpje_tsd_fetch_slow(void* record, bool minimal) { return hpje_je_tsd_fetch_slow(record, minimal); }
double hpje_log(double x) { return log(x); }
double hpje_exp(double x) { return exp(x); }
double hpje_round(double x) { return round(x); }
int hpje__Unwind_Backtrace(void*, void*) { return 0; }
uintptr_t hpje__Unwind_GetIP(void*) { return 0; }
int hpje_shown_percpu_arena;
void* hpje_dlsym(void*, const char*) { return nullptr; }
int hpje_munmap(void* at, size_t size) { return munmap(at, size); }
void* hpje_sbrk(intptr_t increment) { return sbrk(increment); }
int hpje_madvise(void* at, size_t size, int advice) { return madvise(at, size, advice); }
int hpje_mprotect(void* at, size_t size, int protection) { return mprotect(at, size, protection); }
}

namespace {

int g_differences;

#define EXPECT(condition)                                             \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "jemalloc's layout: not so: %s\n", #condition); \
      ++g_differences;                                                \
    }                                                                 \
  } while (0)

constexpr int kBlocks = 1000;

uint64_t Word(size_t offset) {
  uint64_t value;
  memcpy(&value, hpje_je_tsd_tls + offset, sizeof(value));
  return value;
}

uint16_t Half(size_t offset) {
  uint16_t value;
  memcpy(&value, hpje_je_tsd_tls + offset, sizeof(value));
  return value;
}

void CheckClass(size_t size) {
  const heapprof::CachedSize& cached = size <= JE_LOOKUP_MAX
                                           ? heapprof::g_cached_sizes.of[(size + 7) >> 3]
                                           : heapprof::g_cached_sizes.larger[(size + 1023) >> 10];
  unsigned index = 0;
  while (hpje_je_sz_index2size_tab[index] < size) ++index;
  size_t usable = hpje_je_sz_index2size_tab[index];
  size_t bin = JE_BINS + JE_BIN_SIZE * index;
  if (size <= JE_LOOKUP_MAX) EXPECT(index == hpje_je_sz_size2index_tab[(size + 7) >> 3]);
  EXPECT(usable == hpje_nallocx(size == 0 ? 1 : size, 0));
  EXPECT(cached.usable == usable && cached.bin == bin);

  // After one block went through the cache there is one in it. Twice, should the first have set an event off.
  hpje_free(hpje_malloc(size));
  if (Word(JE_ALLOCATED) + usable >= Word(JE_ALLOCATED_LIMIT)) hpje_free(hpje_malloc(size));
  if (Word(JE_DEALLOCATED) + usable >= Word(JE_DEALLOCATED_LIMIT)) hpje_free(hpje_malloc(size));
  uint64_t top = Word(bin + JE_BIN_TOP), requests = Word(bin + JE_BIN_REQUESTS);
  uint64_t allocated = Word(JE_ALLOCATED), freed = Word(JE_DEALLOCATED);
  EXPECT(static_cast<uint16_t>(top) != Half(bin + JE_BIN_EMPTY));
  EXPECT(allocated + usable < Word(JE_ALLOCATED_LIMIT) && freed + usable < Word(JE_DEALLOCATED_LIMIT));
  if (g_differences != 0) return;  // the top may be no pointer
  void* next = *reinterpret_cast<void**>(top);
  void* block = hpje_malloc(size);
  EXPECT(block == next);
  EXPECT(Word(bin + JE_BIN_TOP) == top + 8);
  EXPECT(Word(bin + JE_BIN_REQUESTS) == requests + 1);
  EXPECT(Word(JE_ALLOCATED) == allocated + usable);

  uint64_t address = reinterpret_cast<uintptr_t>(block);
  size_t entry = JE_LEAVES + 16 * ((address >> JE_LEAF_SHIFT) & (JE_LEAF_COUNT - 1));
  EXPECT(Word(entry) == (address >> JE_LEAF_SHIFT << JE_LEAF_SHIFT));
  if (g_differences != 0) return;
  const auto page = heapprof::jemalloc::WordOf(reinterpret_cast<const char*>(Word(entry + 8)), address);
  EXPECT(page.slab == (usable < JE_SMALLEST_LARGE));
  EXPECT(page.size_class == index);

  if (size % 2 == 0) {
    hpje_free(block);
  } else {
    hpje_je_je_sdallocx_noflags(block, size);
  }
  EXPECT(Word(bin + JE_BIN_TOP) == top && *reinterpret_cast<void**>(top) == block);
  EXPECT(Word(JE_DEALLOCATED) == freed + usable);
}

// The low water mark follows the top down to empty, where the next block of those that share slabs comes with
// a whole new batch; full is where a block more sends half of them back. An event may do anything to them.
void CheckMarks(size_t size) {
  static void* blocks[kBlocks];
  const size_t usable = hpje_nallocx(size, 0);
  size_t bin = JE_BINS;
  for (const size_t* of_class = hpje_je_sz_index2size_tab; *of_class < usable; ++of_class) bin += JE_BIN_SIZE;
  int empty_seen = 0, full_seen = 0;
  for (int i = 0; i < kBlocks; ++i) {
    bool empty = Half(bin + JE_BIN_TOP) == Half(bin + JE_BIN_EMPTY);
    bool lowest = Half(bin + JE_BIN_TOP) == Half(bin + JE_BIN_LOW_WATER);
    uint64_t top = Word(bin + JE_BIN_TOP);
    const bool event = Word(JE_ALLOCATED) + usable >= Word(JE_ALLOCATED_LIMIT);
    blocks[i] = hpje_malloc(size);
    if (event) continue;
    if (!empty) EXPECT(Word(bin + JE_BIN_TOP) == top + 8);
    if (!empty && lowest) EXPECT(Half(bin + JE_BIN_LOW_WATER) == static_cast<uint16_t>(top + 8));
    if (empty && usable < JE_SMALLEST_LARGE) EXPECT(Half(bin + JE_BIN_TOP) != Half(bin + JE_BIN_EMPTY));
    empty_seen += empty;
  }
  for (int i = 0; i < kBlocks; ++i) {
    bool full = Half(bin + JE_BIN_TOP) == Half(bin + JE_BIN_FULL);
    uint64_t top = Word(bin + JE_BIN_TOP);
    const bool event = Word(JE_DEALLOCATED) + usable >= Word(JE_DEALLOCATED_LIMIT);
    hpje_free(blocks[i]);
    if (event) continue;
    EXPECT(full ? Word(bin + JE_BIN_TOP) > top : Word(bin + JE_BIN_TOP) == top - 8);
    full_seen += full;
  }
  EXPECT(empty_seen > 0 && full_seen > 0);
}

// 0 where there is nothing to look at.
uint64_t At(const void* base, size_t offset) {
  if (base == nullptr) return 0;
  uint64_t value;
  memcpy(&value, static_cast<const char*>(base) + offset, sizeof(value));
  return value;
}

// What the tree has of a page of the heap, nothing if the root is elsewhere than said.
heapprof::jemalloc::PageWord PageOf(uintptr_t address) {
  using namespace heapprof::jemalloc;
  // The same leaf is in the thread's record, which CheckClass has looked at.
  const char* leaf = LeafOf(hpje_je_arena_emap_global + kRootOffset, address);
  const size_t entry = JE_LEAVES + 16 * ((address >> JE_LEAF_SHIFT) & (JE_LEAF_COUNT - 1));
  if (reinterpret_cast<uintptr_t>(leaf) != Word(entry + 8)) return {0, 0, false};
  return WordOf(leaf, address);
}

// The record of the extent of `block`, whose first page is `start` and which has `size` bytes and the state.
const void* CheckRecord(uintptr_t start, size_t size, uint64_t state) {
  using namespace heapprof::jemalloc;
  const void* record = reinterpret_cast<const void*>(PageOf(start).record);
  EXPECT(record != nullptr);
  if (g_differences != 0) return nullptr;
  EXPECT((At(record, kAddress) & ~uint64_t{4095}) == start);
  EXPECT((At(record, kSize) & ~uint64_t{4095}) >= size);
  EXPECT((At(record, kBits) >> kStateShift & kStateMask) == state);
  return record;
}

// A large block is in use, then free and dirty, then, with nothing kept dirty, muzzy or retained.
void CheckLarge() {
  using namespace heapprof::jemalloc;
  constexpr size_t kSize = 10 << 20;
  auto block = reinterpret_cast<uintptr_t>(hpje_malloc(kSize));
  const uintptr_t start = block & ~uintptr_t{4095};
  EXPECT(At(CheckRecord(start, kSize, kActive), kAddress) == block);
  if (g_differences != 0) return;
  const auto page = PageOf(start);
  EXPECT(!page.slab);
  EXPECT(hpje_je_sz_index2size_tab[page.size_class] == hpje_nallocx(kSize, 0));
  hpje_free(reinterpret_cast<void*>(block));
  EXPECT(hpje_mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0) == 0);
  const void* kept = reinterpret_cast<const void*>(PageOf(start).record);
  if (kept != nullptr) EXPECT((At(kept, kBits) >> kStateShift & kStateMask) == kRetained);
  // Below the size from which on extents have an arena of their own, which keeps nothing.
  constexpr size_t kKept = 1 << 20;
  block = reinterpret_cast<uintptr_t>(hpje_malloc(kKept));
  CheckRecord(block & ~uintptr_t{4095}, kKept, kActive);
  hpje_free(reinterpret_cast<void*>(block));
  const uint64_t freed = PageOf(block & ~uintptr_t{4095}).record;
  // Alone, or joined to its neighbour, of which it is the inside then.
  if (freed != 0) {
    const uint64_t bits = At(reinterpret_cast<const void*>(freed), kBits);
    EXPECT((bits >> kStateShift & kStateMask) == kDirty);
  }
}

// Slabs tell how many of their blocks are free, and which.
void CheckSlab() {
  using namespace heapprof::jemalloc;
  constexpr size_t kSize = 5120;
  const unsigned index = hpje_je_sz_size2index_tab[4096 >> 3] + 1;
  const char* info = hpje_je_bin_infos + kBinInfoBytes * index;
  uint32_t blocks;
  memcpy(&blocks, info + kBinBlocks, sizeof(blocks));
  EXPECT(At(info, kBinBlockSize) == kSize);
  EXPECT(At(info, kBinSlabSize) / kSize == blocks);
  static_assert(kSmallClasses == heapprof::sample_classes::kSmallClasses);
  for (uint32_t i = 0; i < heapprof::sample_classes::kCachedClasses; ++i) {
    EXPECT(hpje_je_sz_index2size_tab[i] == heapprof::sample_classes::g_freed_sizes.of[i]);
  }
  int off = 0, on = 1;  // without a cache, so that the record shows each block
  EXPECT(hpje_mallctl("thread.tcache.enabled", nullptr, nullptr, &off, 1) == 0);
  auto block = reinterpret_cast<uintptr_t>(hpje_malloc(kSize));
  const auto page = PageOf(block & ~uintptr_t{4095});
  const void* record = reinterpret_cast<const void*>(page.record);
  EXPECT(record != nullptr && page.slab);
  if (g_differences != 0) return;
  const uintptr_t start = At(record, kAddress);
  EXPECT(start % 4096 == 0 && (block - start) % kSize == 0 && (block - start) / kSize < blocks);
  const uint64_t bit = uint64_t{1} << ((block - start) / kSize);
  EXPECT((At(record, kFreeBits) & bit) == 0);
  const uint64_t free = At(record, kBits) >> kFreeShift & kFreeMask;
  EXPECT(free < blocks);
  EXPECT(static_cast<uint64_t>(__builtin_popcountll(At(record, kFreeBits))) == free);
  hpje_free(hpje_malloc(kSize));
  EXPECT((At(record, kBits) >> kFreeShift & kFreeMask) == free);
  hpje_free(reinterpret_cast<void*>(block));
  EXPECT(hpje_mallctl("thread.tcache.enabled", nullptr, nullptr, &on, 1) == 0);
}

}  // namespace

int main() {
  hpje_free(hpje_malloc(1));
  uint64_t *allocated = nullptr, *deallocated = nullptr;
  size_t length = sizeof(allocated);
  EXPECT(hpje_mallctl("thread.allocatedp", &allocated, &length, nullptr, 0) == 0);
  EXPECT(hpje_mallctl("thread.deallocatedp", &deallocated, &length, nullptr, 0) == 0);
  EXPECT(reinterpret_cast<char*>(allocated) == hpje_je_tsd_tls + JE_ALLOCATED);
  EXPECT(reinterpret_cast<char*>(deallocated) == hpje_je_tsd_tls + JE_DEALLOCATED);
  for (size_t size = 0; size <= JE_LOOKUP_MAX && g_differences == 0; size += size < 128 ? 1 : 8)
    CheckClass(size);
  for (size_t size = JE_LOOKUP_MAX; size <= JE_CACHED_MAX && g_differences == 0; size += 511)
    CheckClass(size);
  constexpr size_t kMarked[] = {48, 5000, 20000};
  for (size_t size : kMarked) {
    if (g_differences == 0) CheckMarks(size);
  }
  // The limit of 0 for a thread out of the usual state: while its cache is off.
  int off = 0, on = 1;
  EXPECT(hpje_mallctl("thread.tcache.enabled", nullptr, nullptr, &off, 1) == 0);
  EXPECT(Word(JE_ALLOCATED_LIMIT) == 0 && Word(JE_DEALLOCATED_LIMIT) == 0);
  printf("#define HEAPPROF_JEMALLOC_BINS %d\n", g_differences == 0);
  bool has_profiler = false;
  length = sizeof(has_profiler);
  EXPECT(hpje_mallctl("config.prof", &has_profiler, &length, nullptr, 0) == 0);
  printf("#define HEAPPROF_JEMALLOC_PROFILER %d\n", has_profiler);
  // Needs what was looked at before.
  EXPECT(hpje_mallctl("thread.tcache.enabled", nullptr, nullptr, &on, 1) == 0);
  EXPECT(heapprof::jemalloc::kPageShift == 12);
  if (g_differences == 0) CheckSlab();
  if (g_differences == 0) CheckLarge();
  printf("#define HEAPPROF_JEMALLOC_PAGES %d\n", g_differences == 0);
  return 0;
}
