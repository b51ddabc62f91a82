// SPDX-License-Identifier: Apache-2.0
#include "base/memory/arena.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace heapprof {
namespace {

size_t ResidentPages(void* memory, size_t bytes) {
  std::vector<unsigned char> pages(bytes / static_cast<size_t>(sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(mincore(memory, bytes, pages.data()), 0);
  return static_cast<size_t>(std::count_if(pages.begin(), pages.end(), [](int page) { return page & 1; }));
}

TEST(MetadataTest, NothingIsMappedBeyondTheLimitAndTheCountIsExact) {
  uint64_t before = MetadataBytes();
  SetMetadataLimit(before + 10000);
  void* first = MapMetadata(8192);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(MetadataBytes(), before + 8192);
  EXPECT_EQ(MapMetadata(4096), nullptr);
  EXPECT_EQ(MetadataBytes(), before + 8192);
  UnmapMetadata(first, 8192);
  EXPECT_EQ(MetadataBytes(), before);
  SetMetadataLimit(UINT64_MAX);
}

TEST(MetadataTest, RetiredMemoryReadsAsZeros) {
  auto* word = static_cast<volatile uint64_t*>(MapMetadata(4096));
  ASSERT_NE(word, nullptr);
  *word = 42;
  uint64_t before = MetadataBytes();
  RetireMetadata(const_cast<uint64_t*>(word), 4096);
  EXPECT_EQ(*word, 0u);
  EXPECT_EQ(MetadataBytes(), before - 4096);
}

// A table that is large is used page by page; a fault for each of them would cost more than the page.
TEST(MetadataTest, WhereMuchIsMappedASmallPieceMoreIsThereAtOnce) {
  constexpr size_t kLarge = 8 << 20, kSmall = 256 << 10;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  constexpr int kPopulateWrite = 23;
  void* probe = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool can = madvise(probe, page, kPopulateWrite) == 0;
  munmap(probe, page);
  void* early = MapMetadata(kSmall);
  EXPECT_EQ(ResidentPages(early, kSmall), 0u) << "a small program pays for no page that it does not use";
  void* large = MapMetadata(kLarge);
  EXPECT_EQ(ResidentPages(large, kLarge), 0u);
  void* late = MapMetadata(kSmall);
  EXPECT_EQ(ResidentPages(late, kSmall), can ? kSmall / page : 0);
  UnmapMetadata(late, kSmall);
  UnmapMetadata(large, kLarge);
  UnmapMetadata(early, kSmall);
}

TEST(ChunkedArrayTest, ElementsKeepTheirPlaceWhileTheArrayGrows) {
  static ChunkedArray<uint64_t, 4, 8> array;
  ASSERT_TRUE(array.Reserve(1, 1));
  uint64_t* first = array.At(1);
  *first = 11;
  ASSERT_TRUE(array.Reserve(14, 4));  // over the border of two chunks
  *array.At(17) = 17;
  EXPECT_EQ(array.At(1), first);
  EXPECT_EQ(*array.At(1), 11u);
  EXPECT_EQ(*array.At(17), 17u);
  EXPECT_FALSE(array.Reserve(8 * 16, 1));
}

}  // namespace
}  // namespace heapprof
