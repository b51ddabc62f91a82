// jemalloc's own interface: it works as jemalloc's manual says, and its blocks are tracked.
#include <errno.h>
#include <gtest/gtest.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <string>

#include "tests/alloc/intervals.h"
#include "tests/alloc/jemalloc_face.h"

namespace heapprof::test {
namespace {

class ExtrasTest : public AtInterval {};
HEAPPROF_AT_INTERVALS(ExtrasTest);

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

TEST_P(ExtrasTest, SettingsAndStatisticsCanBeRead) {
  bool profiling = true;
  size_t size = sizeof profiling;
  EXPECT_EQ(mallctl("opt.prof", &profiling, &size, nullptr, 0), 0);
  EXPECT_FALSE(profiling);
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
