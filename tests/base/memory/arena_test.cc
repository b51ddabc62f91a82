// SPDX-License-Identifier: Apache-2.0
#include "base/memory/arena.h"

#include <gtest/gtest.h>

namespace heapprof {
namespace {

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
