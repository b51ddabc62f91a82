// SPDX-License-Identifier: Apache-2.0
// Arenas that are reset or destroyed: their samples go with them, and only theirs.
#include <errno.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/alloc/intervals.h"
#include "tests/alloc/jemalloc_interface.h"

namespace heapprof::test {
namespace {

int Order(unsigned arena, const char* what, void* value = nullptr, size_t size = 0) {
  char name[64];
  snprintf(name, sizeof(name), "arena.%u.%s", arena, what);
  return mallctl(name, nullptr, nullptr, value, size);
}

// Static: a vector would be a sample now and then.
constexpr int kMaxBlocks = 5000;
void* g_blocks[kMaxBlocks];

// g_blocks[0..count) of one size in `arena`, past all caches. False: no memory.
bool Fill(unsigned arena, size_t size, int count, void** blocks = g_blocks) {
  for (int i = 0; i < count; ++i) {
    blocks[i] = mallocx(size, InArena(arena) | kNoCache);
    if (blocks[i] == nullptr) return false;
    memset(blocks[i], 0x5a, size);
  }
  return true;
}

// Until the arena holds samples; then how many.
uint64_t FillUntilSampled(unsigned arena, size_t size, uint64_t live_before,
                          struct heapprof_stats (*stats)()) {
  constexpr int kStep = 200, kMax = 1000000;
  for (int i = 0; i < kMax; i += kStep) {
    for (int k = 0; k < kStep; ++k) mallocx(size, InArena(arena) | kNoCache);
    if (stats().live_samples >= live_before + 3) break;
  }
  return stats().live_samples - live_before;
}

class ArenaResetTest : public AtInterval {
 public:
  using AtInterval::Stats;
};
HEAPPROF_AT_INTERVALS(ArenaResetTest);

TEST_P(ArenaResetTest, SamplesOfTheArenaAreFreedHoweverItIsNamed) {
  size_t mib[3], length = 3;
  ASSERT_EQ(mallctlnametomib("arena.0.reset", mib, &length), 0);
  for (const size_t size : {size_t{24}, size_t{700}, size_t{5000}, size_t{40000}, size_t{3} << 20}) {
    unsigned arena = NewArena();
    const uint64_t before = Stats().live_samples;
    ASSERT_GT(FillUntilSampled(arena, size, before, Stats), 0u) << size;
    EXPECT_EQ(Order(arena, "reset"), 0);
    EXPECT_EQ(Stats().live_samples, before) << size;

    ASSERT_GT(FillUntilSampled(arena, size, before, Stats), 0u) << size;
    mib[1] = arena;
    EXPECT_EQ(mallctlbymib(mib, 3, nullptr, nullptr, nullptr, 0), 0);
    EXPECT_EQ(Stats().live_samples, before) << size;

    ASSERT_GT(FillUntilSampled(arena, size, before, Stats), 0u) << size;
    char padded[64];
    snprintf(padded, sizeof(padded), "arena.%06u.destroy", arena);
    EXPECT_EQ(mallctl(padded, nullptr, nullptr, nullptr, 0), 0);
    EXPECT_EQ(Stats().live_samples, before) << size;
  }
}

TEST_P(ArenaResetTest, OtherArenasKeepTheirSamples) {
  unsigned reset = NewArena(), kept = NewArena();
  const uint64_t before = Stats().live_samples;
  ASSERT_TRUE(Fill(kept, 200000, 50));
  const uint64_t with_kept = Stats().live_samples;
  EXPECT_GT(with_kept, before);
  FillUntilSampled(reset, 30000, with_kept, Stats);
  EXPECT_EQ(Order(reset, "destroy"), 0);
  EXPECT_EQ(Stats().live_samples, with_kept);
  for (int i = 0; i < 50; ++i) dallocx(g_blocks[i], kNoCache);
  EXPECT_EQ(Stats().live_samples, before);
  EXPECT_EQ(Order(kept, "destroy"), 0);
}

TEST_P(ArenaResetTest, UsableSizeOfBlocksThatFollowIsWhatWasAskedForAtLeast) {
  unsigned arena = NewArena();
  const uint64_t before = Stats().live_samples;
  for (const char* what : {"reset", "destroy"}) {
    FillUntilSampled(arena, 40, before, Stats);
    FillUntilSampled(arena, 17000, before, Stats);
    ASSERT_EQ(Order(arena, what), 0);
    if (strcmp(what, "destroy") == 0) arena = NewArena();
    for (const size_t size : {size_t{150}, size_t{2000}, size_t{9000}, size_t{100000}}) {
      ASSERT_TRUE(Fill(arena, size, 400));
      for (int i = 0; i < 400; ++i) {
        ASSERT_GE(malloc_usable_size(g_blocks[i]), size);
        ASSERT_GE(sallocx(g_blocks[i], 0), size);
      }
    }
    ASSERT_EQ(Order(arena, "reset"), 0);
  }
  EXPECT_EQ(Order(arena, "destroy"), 0);
  EXPECT_EQ(Stats().live_samples, before);
}

TEST_P(ArenaResetTest, WhatJemallocRefusesLeavesTheSamples) {
  unsigned arena = NewArena(), first = 0;
  const uint64_t before = Stats().live_samples;
  const uint64_t sampled = FillUntilSampled(arena, 30000, before, Stats);
  size_t size = sizeof(first);
  ASSERT_EQ(mallctl("thread.arena", &first, &size, &arena, sizeof(arena)), 0);
  EXPECT_EQ(Order(arena, "destroy"), EFAULT);  // this thread is bound to it
  ASSERT_EQ(mallctl("thread.arena", nullptr, nullptr, &first, sizeof(first)), 0);
  int value = 1;
  EXPECT_EQ(Order(arena, "reset", &value, sizeof(value)), EPERM);
  EXPECT_EQ(Order(0, "reset"), EFAULT);  // the program did not make it
  EXPECT_EQ(Order(4094, "reset"), ENOENT);
  size_t mib[3], length = 3;
  ASSERT_EQ(mallctlnametomib("arena.0.reset", mib, &length), 0);
  for (const size_t all : {size_t{4096}, size_t{4097}}) {
    EXPECT_EQ(Order(static_cast<unsigned>(all), "reset"), EFAULT);
    mib[1] = all;
    EXPECT_EQ(mallctlbymib(mib, 3, nullptr, nullptr, nullptr, 0), EFAULT);
  }
  EXPECT_EQ(mallctl("arena.x.reset", nullptr, nullptr, nullptr, 0), ENOENT);
  EXPECT_EQ(mallctl("arena.0.reset.more", nullptr, nullptr, nullptr, 0), ENOENT);
  EXPECT_EQ(Stats().live_samples, before + sampled);
  EXPECT_EQ(Order(arena, "destroy"), 0);
  EXPECT_EQ(Stats().live_samples, before);
}

// An arena on memory of the program's own, which is unmapped with it.
struct OwnHooks {
  void* (*alloc)(OwnHooks*, void*, size_t, size_t, bool*, bool*, unsigned);
  bool (*dalloc)(OwnHooks*, void*, size_t, bool, unsigned);
  void (*destroy)(OwnHooks*, void*, size_t, bool, unsigned);
  bool (*commit[4])(OwnHooks*);  // and decommit, and two ways to purge: none
  bool (*split)(OwnHooks*, void*, size_t, size_t, size_t, bool, unsigned);
  bool (*merge)(OwnHooks*, void*, size_t, void*, size_t, bool, unsigned);
};
std::atomic<size_t> g_mapped{0};

void* MapAligned(OwnHooks*, void* at, size_t size, size_t alignment, bool* zero, bool* commit, unsigned) {
  if (at != nullptr) return nullptr;
  void* wide = mmap(nullptr, size + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (wide == MAP_FAILED) return nullptr;
  auto start = reinterpret_cast<uintptr_t>(wide);
  uintptr_t aligned = (start + alignment - 1) & ~(alignment - 1);
  if (aligned > start) munmap(wide, aligned - start);
  munmap(reinterpret_cast<void*>(aligned + size), start + alignment - aligned);
  *zero = *commit = true;
  g_mapped += size;
  return reinterpret_cast<void*>(aligned);
}
bool Unmap(OwnHooks*, void* at, size_t size, bool, unsigned) {
  g_mapped -= size;
  return munmap(at, size) != 0;
}
void UnmapAtEnd(OwnHooks* hooks, void* at, size_t size, bool committed, unsigned arena) {
  Unmap(hooks, at, size, committed, arena);
}
// Mappings are parted and joined without a call.
bool Split(OwnHooks*, void*, size_t, size_t, size_t, bool, unsigned) { return false; }
bool Merge(OwnHooks*, void*, size_t, void*, size_t, bool, unsigned) { return false; }

TEST_P(ArenaResetTest, ArenasOnMemoryOfTheProgramsOwn) {
  static OwnHooks hooks = {MapAligned, Unmap, UnmapAtEnd, {}, Split, Merge};
  void* given = &hooks;
  const uint64_t before = Stats().live_samples;
  for (int round = 0; round < 3; ++round) {
    unsigned arena = 0;
    size_t size = sizeof(arena);
    ASSERT_EQ(mallctl("arenas.create", &arena, &size, &given, sizeof(given)), 0);
    ASSERT_GT(FillUntilSampled(arena, 9000, before, Stats), 0u);
    EXPECT_GT(g_mapped, 0u);
    EXPECT_EQ(Order(arena, round == 1 ? "reset" : "destroy"), 0);
    EXPECT_EQ(Stats().live_samples, before);
    if (round == 1) {
      EXPECT_EQ(Order(arena, "destroy"), 0);
    }
    EXPECT_EQ(g_mapped, 0u);
  }
}

// One address, at which the program has a set with all parts, one with none but alloc, and takes parts away
// from a set in use.
TEST_P(ArenaResetTest, PartsOfOwnHooksComeAndGo) {
  static OwnHooks hooks;
  const OwnHooks all = {MapAligned, Unmap, UnmapAtEnd, {}, Split, Merge},
                 least = {MapAligned, nullptr, nullptr, {}, nullptr, nullptr};
  void* given = &hooks;
  auto fill_and_free = [](unsigned arena) {
    for (size_t size = 20000; size < 600000; size += 7000) {
      dallocx(mallocx(size, InArena(arena) | kNoCache), InArena(arena) | kNoCache);
    }
    EXPECT_EQ(Order(arena, "purge"), 0);
  };
  for (const OwnHooks& set : {all, least, all}) {
    hooks = set;
    unsigned arena = 0;
    size_t size = sizeof(arena);
    ASSERT_EQ(mallctl("arenas.create", &arena, &size, &given, sizeof(given)), 0);
    fill_and_free(arena);
    hooks = least;
    fill_and_free(arena);
    EXPECT_EQ(Order(arena, "destroy"), 0);
  }
  g_mapped = 0;
}

TEST_P(ArenaResetTest, CachesOfTheProgramsOwn) {
  unsigned arena = NewArena(), cache = 0;
  size_t size = sizeof(cache);
  ASSERT_EQ(mallctl("tcache.create", &cache, &size, nullptr, 0), 0);
  const uint64_t before = Stats().live_samples;
  const int flags = InArena(arena) | InCache(cache);
  for (void*& block : g_blocks) block = mallocx(200, flags);
  for (int i = 0; i < kMaxBlocks; i += 2) dallocx(g_blocks[i], InCache(cache));
  ASSERT_EQ(mallctl("tcache.destroy", nullptr, nullptr, &cache, sizeof(cache)), 0);
  ASSERT_EQ(Order(arena, "destroy"), 0);
  EXPECT_EQ(Stats().live_samples, before);
}

TEST_P(ArenaResetTest, BesideThreadsThatAllocateAndForks) {
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  const uint64_t before = Stats().live_samples;
  {
    std::vector<std::thread> others;
    for (int t = 0; t < 2; ++t) {
      others.emplace_back([&stop, &failures] {
        for (unsigned i = 0; !stop; ++i) {
          auto* block = static_cast<char*>(malloc(i % 20000 + 1));
          if (block == nullptr || malloc_usable_size(block) < i % 20000 + 1) ++failures;
          if (block != nullptr) block[i % 20000] = 1;
          free(block);
        }
      });
    }
    others.emplace_back([&stop, &failures] {
      while (!stop) {
        pid_t child = fork();
        if (child == 0) {
          unsigned arena = NewArena();
          void* blocks[20];
          bool filled = Fill(arena, 100, 20, blocks);
          _exit(filled && Order(arena, "destroy") == 0 ? 0 : 1);
        }
        int status = -1;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) ++failures;
      }
    });
    for (int round = 0; round < 60; ++round) {
      unsigned arena = NewArena();
      if (!Fill(arena, 100, 200) || !Fill(arena, 20000, 20)) ++failures;
      if (Order(arena, round % 2 == 0 ? "destroy" : "reset") != 0) ++failures;
      if (round % 2 != 0 && Order(arena, "destroy") != 0) ++failures;
    }
    stop = true;
    for (std::thread& other : others) other.join();
  }
  EXPECT_EQ(failures, 0);
  constexpr uint64_t kOfThreads = 20;  // what libc keeps of threads that have ended
  EXPECT_LE(Stats().live_samples, before + kOfThreads);
}

TEST_P(ArenaResetTest, ABatchIsCountedAndSampled) {
  struct {
    void** blocks;
    size_t count, size;
    int flags;
  } batch;
  void* blocks[500] = {};
  constexpr size_t kSize = 60000;
  batch = {blocks, 500, kSize, kZero};
  const struct heapprof_stats before = Stats();
  size_t filled = 0, size = sizeof(filled);
  ASSERT_EQ(mallctl("experimental.batch_alloc", &filled, &size, &batch, sizeof(batch)), 0);
  EXPECT_EQ(filled, 500u);
  if (GetParam() == 1) {
    EXPECT_EQ(Stats().live_samples, before.live_samples + 500);
  }
  EXPECT_GT(Stats().samples, before.samples);
  for (void* block : blocks) {
    for (size_t i = 0; i < kSize; i += 61) ASSERT_EQ(static_cast<char*>(block)[i], 0);
    free(block);
  }
  EXPECT_EQ(Stats().live_samples, before.live_samples);
  const char* version = nullptr;
  size_t mib[2], length = sizeof(version);
  ASSERT_EQ(mallctl("version", &version, &length, nullptr, 0), 0);
  if (strncmp(version, "5.2", 3) == 0) return;  // it has none, so that there is no number for it
  length = 2;
  ASSERT_EQ(mallctlnametomib("experimental.batch_alloc", mib, &length), 0);
  EXPECT_EQ(mallctlbymib(mib, 2, &filled, &size, &batch, sizeof(batch) - 1), EINVAL);
  EXPECT_EQ(mallctlbymib(mib, 2, &filled, nullptr, &batch, sizeof(batch)), EINVAL);
  batch.count = 3;
  ASSERT_EQ(mallctlbymib(mib, 2, &filled, &size, &batch, sizeof(batch)), 0);
  EXPECT_EQ(filled, 3u);
  for (int i = 0; i < 3; ++i) dallocx(blocks[i], 0);
  EXPECT_EQ(Stats().live_samples, before.live_samples);
}

}  // namespace
}  // namespace heapprof::test
