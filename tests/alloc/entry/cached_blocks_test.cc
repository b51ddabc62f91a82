// SPDX-License-Identifier: Apache-2.0
// Blocks that the fast path takes from the thread's cache and gives back to it, in jemalloc's place:
// jemalloc's own counts go on as if it had done so, and what it switches off stays off.
#include <gtest/gtest.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "tests/alloc/intervals.h"
#include "tests/alloc/jemalloc_interface.h"

namespace heapprof::test {
namespace {

uint64_t Counter(const char* name) {
  uint64_t value = 0;
  size_t size = sizeof value;
  EXPECT_EQ(mallctl(name, &value, &size, nullptr, 0), 0) << name;
  return value;
}

// What jemalloc gave: more than sallocx tells, for a sample. A slab is full of its blocks; what is no slab is
// a page larger than its block.
uint64_t BytesTaken(const void* block) {
  struct {
    size_t free_blocks, blocks, size;
  } extent = {};
  size_t size = sizeof extent;
  EXPECT_EQ(mallctl("experimental.utilization.batch_query", &extent, &size, &block, sizeof block), 0);
  constexpr size_t kSmallestLarge = 16384;
  return extent.size <= kSmallestLarge || extent.blocks > 1 ? extent.size / extent.blocks
                                                            : extent.size - 4096;
}

class CachedBlocks : public AtInterval {};
HEAPPROF_AT_INTERVALS(CachedBlocks);

TEST_P(CachedBlocks, JemallocsCountsOfTheThreadCoverEachOfThem) {
  constexpr int kCount = 3000;  // more than any bin holds, so that bins run empty and full
  static void* blocks[kCount];
  for (size_t size :
       {size_t{0}, size_t{1}, size_t{8}, size_t{24}, size_t{100}, size_t{2000}, size_t{4096}, size_t{5000}}) {
    uint64_t allocated = Counter("thread.allocated"), freed = Counter("thread.deallocated"), taken = 0;
    for (void*& block : blocks) {
      block = malloc(size);
      taken += BytesTaken(block);
    }
    EXPECT_EQ(Counter("thread.allocated") - allocated, taken) << size;
    for (void* block : blocks) free(block);
    EXPECT_EQ(Counter("thread.deallocated") - freed, taken) << size;
  }
}

TEST_P(CachedBlocks, OperatorsAreCountedTheSame) {
  for (size_t size : {size_t{1}, size_t{48}, size_t{3000}, size_t{4097}}) {
    uint64_t allocated = Counter("thread.allocated"), freed = Counter("thread.deallocated"), taken = 0;
    for (int i = 0; i < 1000; ++i) {
      void* one = ::operator new(size);
      void* other = ::operator new(size);
      taken += BytesTaken(one) + BytesTaken(other);
      ::operator delete(one, size);
      ::operator delete(other);
    }
    EXPECT_EQ(Counter("thread.allocated") - allocated, taken) << size;
    EXPECT_EQ(Counter("thread.deallocated") - freed, taken) << size;
  }
}

TEST_P(CachedBlocks, NoTwoLiveOnesOverlapAndEachKeepsItsContents) {
  std::mt19937 random(7);
  std::vector<std::pair<unsigned char*, size_t>> live;
  for (int i = 0; i < 200000; ++i) {
    if (live.size() < 2000 || random() % 2 == 0) {
      size_t size = 1 + random() % (random() % 16 == 0 ? 6000 : 200);
      auto* block = static_cast<unsigned char*>(malloc(size));
      memset(block, static_cast<int>(size), size);
      live.emplace_back(block, size);
    } else {
      std::swap(live[random() % live.size()], live.back());
      auto [block, size] = live.back();
      live.pop_back();
      auto value = static_cast<unsigned char>(size);
      ASSERT_TRUE(std::all_of(block, block + size, [value](unsigned char byte) { return byte == value; }));
      i % 2 == 0 ? free(block) : ::operator delete(block, size);
    }
    if (live.size() > 4000) {
      for (; live.size() > 1000; live.pop_back()) free(live.back().first);
    }
  }
  for (auto [block, size] : live) free(block);
}

// The first block of a slab lies on a page, as samples of large intervals do.
TEST_P(CachedBlocks, OneOnAPageIsReusedAtOnce) {
  void* blocks[512];
  void* on_page = nullptr;
  for (void*& block : blocks) {
    block = malloc(64);
    if (reinterpret_cast<uintptr_t>(block) % 4096 == 0) on_page = block;
  }
  ASSERT_NE(on_page, nullptr);
  int reused = 0;
  for (int i = 0; i < 1000; ++i) {
    free(on_page);
    void* again = malloc(64);
    reused += again == on_page;
    for (void*& block : blocks) {
      if (block == on_page) block = again;
    }
    on_page = again;
  }
  for (void* block : blocks) free(block);
  // All but those where jemalloc had collected the bin; a sample, too, is given what was freed last.
  EXPECT_GT(reused, 900);
}

TEST_P(CachedBlocks, AThreadWithoutACacheGoesByJemalloc) {
  std::thread([] {
    bool off = false;
    ASSERT_EQ(mallctl("thread.tcache.enabled", nullptr, nullptr, &off, sizeof off), 0);
    uint64_t allocated = Counter("thread.allocated"), taken = 0;
    for (int i = 0; i < 1000; ++i) {
      void* block = malloc(i);
      taken += BytesTaken(block);
      free(block);
    }
    EXPECT_EQ(Counter("thread.allocated") - allocated, taken);
    bool on = true;
    ASSERT_EQ(mallctl("thread.tcache.enabled", nullptr, nullptr, &on, sizeof on), 0);
    for (int i = 0; i < 1000; ++i) free(malloc(i));
  }).join();
}

}  // namespace
}  // namespace heapprof::test
