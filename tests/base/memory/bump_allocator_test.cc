// SPDX-License-Identifier: Apache-2.0
#include "base/memory/bump_allocator.h"

#include <gtest/gtest.h>
#include <string.h>

namespace heapprof {
namespace {

TEST(BumpAllocatorTest, PiecesAreAlignedZeroedAndApart) {
  BumpAllocator memory;
  const char* end = nullptr;
  for (size_t size = 1; size < 300; ++size) {
    const size_t alignment = size_t{1} << size % 5;
    auto* piece = static_cast<char*>(memory.Take(size, alignment));
    ASSERT_NE(piece, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(piece) % alignment, 0u) << size;
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(piece[i], 0) << size;
    memset(piece, 1, size);
    if (end != nullptr) EXPECT_GE(piece, end) << size;  // all fit one chunk
    end = piece + size;
  }
}

TEST(BumpAllocatorTest, AChunkIsUsedToItsEnd) {
  BumpAllocator memory;
  auto* first = static_cast<char*>(memory.Take(BumpAllocator::kChunk - 1, 1));
  ASSERT_NE(first, nullptr);
  const uint64_t mapped = MetadataBytes();
  EXPECT_EQ(memory.Take(1, 1), first + BumpAllocator::kChunk - 1);
  EXPECT_EQ(MetadataBytes(), mapped);
  EXPECT_NE(memory.Take(1, 1), nullptr);
  EXPECT_EQ(MetadataBytes(), mapped + BumpAllocator::kChunk);
}

TEST(BumpAllocatorTest, WhatDoesNotFitAChunkIsRefusedAndMapsNothing) {
  BumpAllocator memory;
  const uint64_t mapped = MetadataBytes();
  EXPECT_EQ(memory.Take(BumpAllocator::kChunk + 1, 1), nullptr);
  EXPECT_EQ(MetadataBytes(), mapped);
  EXPECT_NE(memory.Take(BumpAllocator::kChunk, 8), nullptr);
}

TEST(BumpAllocatorTest, WithoutMemoryItRefusesAndGoesOnWhenThereIsSome) {
  BumpAllocator memory;
  SetMetadataLimit(MetadataBytes());
  EXPECT_EQ(memory.Take(8, 8), nullptr);
  SetMetadataLimit(UINT64_MAX);
  EXPECT_NE(memory.Take(8, 8), nullptr);
}

}  // namespace
}  // namespace heapprof
