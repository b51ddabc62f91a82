// SPDX-License-Identifier: Apache-2.0
// jemalloc's own interface: it works as jemalloc's manual says, and its blocks are tracked.
#include <errno.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <string>

#include "tests/alloc/intervals.h"
#include "tests/alloc/jemalloc_interface.h"

namespace heapprof::test {
namespace {

class ExtrasTest : public AtInterval {};
HEAPPROF_AT_INTERVALS(ExtrasTest);

// jemalloc's, which is chosen where it is built: 4 KiB in Debian's amd64, 64 KiB in its arm64.
size_t PageSize() {
  size_t page = 0, size = sizeof page;
  EXPECT_EQ(mallctl("arenas.page", &page, &size, nullptr, 0), 0);
  return page;
}

TEST_P(ExtrasTest, BlocksAreTrackedAlignedZeroedAndMove) {
  uint64_t live = Stats().live_samples;
  for (int lg = 0; lg <= 16; ++lg) {
    for (size_t size = 1; size < 200000; size = size * 3 + 1) {
      auto* block = static_cast<unsigned char*>(mallocx(size, lg | kZero));
      ASSERT_NE(block, nullptr);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(block) & ((uintptr_t{1} << lg) - 1), 0u);
      for (size_t i = 0; i < size; ++i) ASSERT_EQ(block[i], 0);
      ASSERT_GE(sallocx(block, 0), size);
      memset(block, 7, size);
      size_t usable = sallocx(block, 0);
      block = static_cast<unsigned char*>(rallocx(block, usable * 2, lg | kZero));
      ASSERT_NE(block, nullptr);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(block) & ((uintptr_t{1} << lg) - 1), 0u);
      for (size_t i = 0; i < size; ++i) ASSERT_EQ(block[i], 7);
      for (size_t i = usable; i < usable * 2; ++i) ASSERT_EQ(block[i], 0);
      size_t now = xallocx(block, usable * 2, usable, lg);
      ASSERT_GE(now, usable * 2);
      ASSERT_EQ(sallocx(block, 0), now);
      if (size & 1) {
        dallocx(block, 0);
      } else {
        sdallocx(block, now, lg);
      }
    }
  }
  EXPECT_EQ(Stats().live_samples, live);
}

TEST_P(ExtrasTest, TooLargeARequestFailsAndLeavesTheBlock) {
  auto* block = static_cast<char*>(mallocx(100, 0));
  block[99] = 'k';
  uint64_t live = Stats().live_samples;
  EXPECT_EQ(mallocx(size_t{PTRDIFF_MAX}, 0), nullptr);
  EXPECT_EQ(rallocx(block, size_t{PTRDIFF_MAX}, 0), nullptr);
  EXPECT_EQ(block[99], 'k');
  EXPECT_EQ(Stats().live_samples, live);
  dallocx(block, 0);
}

TEST_P(ExtrasTest, SizeOfARequestIsTheSizeItGetsUnsampled) {
  for (size_t size = 1; size < 100000; size = size * 2 + 3) EXPECT_GE(nallocx(size, 0), size);
}

// Enough blocks that some are samples at every interval.
TEST_P(ExtrasTest, UsableSizeIsThatOfAnyBlockOfItsSizeAndAlignment) {
  for (const int lg : {0, 3, 4, 5, 6, 9, 11, 12, 13, 16}) {
    for (const size_t size :
         {size_t{1}, size_t{8}, size_t{100}, size_t{518}, size_t{9000}, size_t{20000}, size_t{300000}}) {
      const int rounds = size < 1000 ? 4000 : 200;
      const size_t expected = nallocx(size, lg);
      for (int i = 0; i < rounds; ++i) {
        void* block = mallocx(size, lg);
        ASSERT_EQ(sallocx(block, 0), expected) << size << " at " << lg;
        ASSERT_EQ(malloc_usable_size(block), expected);
        sdallocx(block, size, lg);
        if (i % 16 != 0) continue;
        ASSERT_EQ(posix_memalign(&block, size_t{8} << lg, size), 0);
        ASSERT_GE(malloc_usable_size(block), nallocx(size, lg + 3));
        free(block);
      }
    }
  }
}

TEST_P(ExtrasTest, ResizesInPlaceShowInUsableSizeAndInTheTable) {
  const uint64_t live = Stats().live_samples;
  const ThreadInNewArena arena;            // elsewhere the next block may stand in the way of growing
  const size_t pages = PageSize() / 4096;  // only blocks of more than 3.5 pages are resized in place
  const int rounds = static_cast<int>(2000 / pages);
  int grown = 0;
  for (int i = 0; i < rounds; ++i) {
    // Blocks of earlier rounds that the thread's cache keeps would stand in the way, too, more or fewer by
    // what was drawn as samples.
    ASSERT_EQ(mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0), 0);
    auto* block = static_cast<char*>(mallocx(20000 * pages, 0));
    for (const size_t size :
         {60000 * pages, 250000 * pages, 100000 * pages, 17000 * pages, size_t{100}, 40000 * pages}) {
      const size_t before = sallocx(block, 0);
      const size_t extra = i % 3 == 0 ? 30000 * pages : 0;
      const size_t now = xallocx(block, size, extra, 0);
      ASSERT_EQ(sallocx(block, 0), now);
      ASSERT_EQ(malloc_usable_size(block), now);
      ASSERT_TRUE(now == before || now >= size);
      ASSERT_LE(now, std::max(before, nallocx(size + extra, 0)));
      grown += now > before;
      memset(block, i, now);
    }
    const size_t usable = sallocx(block, 0);
    block = static_cast<char*>(rallocx(block, usable + 1, 0));
    for (size_t k = 0; k < usable; k += 997) ASSERT_EQ(block[k], static_cast<char>(i));
    dallocx(block, 0);
  }
  EXPECT_GT(grown, rounds);
  EXPECT_EQ(Stats().live_samples, live);
  // A small block stays in its class.
  for (int i = 0; i < 20000; ++i) {
    void* block = malloc(518);
    ASSERT_EQ(xallocx(block, 3000, 0, 0), nallocx(518, 0));
    ASSERT_EQ(xallocx(block, 10, 100, 0), nallocx(518, 0));
    free(block);
  }
}

TEST_P(ExtrasTest, AllUsableBytesSurviveAReallocation) {
  for (int i = 0; i < 40000; ++i) {
    const size_t size = 500 + i % 100;
    auto* block = static_cast<unsigned char*>(mallocx(size, 0));
    const size_t usable = sallocx(block, 0);
    memset(block, 0xaa, usable);
    const bool zero = i % 2 != 0;
    const size_t wanted = i % 4 < 2 ? size + 1 : size + 700;
    block = static_cast<unsigned char*>(zero ? rallocx(block, wanted, kZero) : realloc(block, wanted));
    const size_t now = malloc_usable_size(block);
    for (size_t k = 0; k < std::min(usable, now); ++k) ASSERT_EQ(block[k], 0xaa) << i << " at " << k;
    for (size_t k = usable; zero && k < now; ++k) ASSERT_EQ(block[k], 0) << i << " at " << k;
    free(block);
  }
}

TEST_P(ExtrasTest, SettingsAndStatisticsCanBeRead) {
  bool built_in = false, profiling = true;
  size_t size = sizeof built_in;
  ASSERT_EQ(mallctl("config.prof", &built_in, &size, nullptr, 0), 0);
  // Debian builds jemalloc's own profiler for amd64 and not for arm64, and there it has no settings.
  EXPECT_EQ(mallctl("opt.prof", &profiling, &size, nullptr, 0), built_in ? 0 : ENOENT);
  EXPECT_NE(profiling, built_in);
  EXPECT_EQ(mallctl("no.such.name", nullptr, nullptr, nullptr, 0), ENOENT);
  size_t mib[4], length = 4, active = 0;
  size = sizeof active;
  ASSERT_EQ(mallctlnametomib("stats.active", mib, &length), 0);
  EXPECT_EQ(mallctlbymib(mib, length, &active, &size, nullptr, 0), 0);
  EXPECT_GT(active, 0u);
  std::string text;
  malloc_stats_print([](void* arg, const char* piece) { static_cast<std::string*>(arg)->append(piece); },
                     &text, "J");
  EXPECT_NE(text.find("\"jemalloc\""), std::string::npos);
}

}  // namespace
}  // namespace heapprof::test
