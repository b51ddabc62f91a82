// SPDX-License-Identifier: Apache-2.0
// The malloc family in this process: contents, alignment, errno, and what the live table knows after it.
#include <errno.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <random>
#include <vector>

#include "base/older_libc.h"
#include "tests/alloc/intervals.h"

// C23, which glibc 2.36 does not declare yet.
extern "C" void free_sized(void* block, size_t size);
extern "C" void free_aligned_sized(void* block, size_t alignment, size_t size);

namespace heapprof::test {
namespace {

class MallocTest : public AtInterval {};
HEAPPROF_AT_INTERVALS(MallocTest);

struct Block {
  unsigned char* data;
  size_t size;
  unsigned char fill;
};

bool Holds(const Block& block, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (block.data[i] != block.fill) return false;
  }
  return true;
}

// Sizes from bytes to megabytes, each magnitude equally often.
size_t RandomSize(std::mt19937* random) { return (*random)() >> (11 + (*random)() % 21); }

TEST_P(MallocTest, BlocksKeepTheirContentsThroughAnyMixOfCalls) {
  std::mt19937 random(1);
  std::vector<Block> blocks(300, Block{nullptr, 0, 0});
  for (int step = 0; step < 20000; ++step) {
    Block& block = blocks[random() % blocks.size()];
    ASSERT_TRUE(Holds(block, block.size)) << "step " << step;
    size_t size = RandomSize(&random);
    if (size == 0) size = 1;
    size_t kept = 0;
    if (block.data == nullptr || random() % 3 == 0) {
      free(block.data);
      size_t alignment = size_t{16} << random() % 9;
      switch (random() % 4) {
        case 0:
          block.data = static_cast<unsigned char*>(malloc(size));
          break;
        case 1:
          block.data = static_cast<unsigned char*>(calloc(size, 1));
          for (size_t i = 0; i < size; ++i) ASSERT_EQ(block.data[i], 0);
          break;
        case 2:
          block.data = static_cast<unsigned char*>(aligned_alloc(alignment, size));
          ASSERT_EQ(reinterpret_cast<uintptr_t>(block.data) % alignment, 0u);
          break;
        default:
          block.data = static_cast<unsigned char*>(memalign(alignment, size));
          ASSERT_EQ(reinterpret_cast<uintptr_t>(block.data) % alignment, 0u);
      }
    } else {
      kept = std::min(block.size, size);
      block.data = static_cast<unsigned char*>(realloc(block.data, size));
    }
    ASSERT_NE(block.data, nullptr);
    ASSERT_TRUE(Holds(block, kept)) << "step " << step;
    ASSERT_GE(malloc_usable_size(block.data), size);
    block.size = size;
    block.fill = static_cast<unsigned char>(random());
    memset(block.data, block.fill, size);
  }
  for (Block& block : blocks) {
    EXPECT_TRUE(Holds(block, block.size));
    free(block.data);
  }
}

TEST_P(MallocTest, EveryFreeIsSeen) {
  std::vector<void*> blocks(2000);
  uint64_t before = Stats().live_samples;
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = malloc(i * 7);
  if (GetParam() == 1) {
    EXPECT_EQ(Stats().live_samples, before + blocks.size());
  }
  for (void*& block : blocks) block = realloc(block, malloc_usable_size(block) * 2 + 1);
  for (void* block : blocks) free(block);
  EXPECT_EQ(Stats().live_samples, before);
}

TEST_P(MallocTest, ReallocCountsAsAFreeAndAnAllocation) {
  uint64_t samples = Stats().samples, live = Stats().live_samples;
  void* block = malloc(100);
  constexpr int kTimes = 50;
  for (int i = 1; i <= kTimes; ++i) block = realloc(block, 100 + static_cast<size_t>(i) * 10000);
  if (GetParam() == 1) {
    EXPECT_EQ(Stats().samples - samples, 1u + kTimes);
    EXPECT_EQ(Stats().live_samples - live, 1u);
  }
  free(block);
  EXPECT_EQ(Stats().live_samples, live);
}

TEST_P(MallocTest, AFailedReallocLeavesTheBlockAndItsRecord) {
  uint64_t live = Stats().live_samples;
  auto* block = static_cast<char*>(malloc(1000));
  memset(block, 'x', 1000);
  uint64_t with_block = Stats().live_samples;
  errno = 0;
  EXPECT_EQ(realloc(block, SIZE_MAX), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(realloc(block, size_t{PTRDIFF_MAX} + 1), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(reallocarray(block, size_t{1} << 33, size_t{1} << 33), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(block[999], 'x');
  EXPECT_EQ(Stats().live_samples, with_block);
  free(block);
  EXPECT_EQ(Stats().live_samples, live);
}

TEST_P(MallocTest, UsableSizeIsConstantForABlocksLife) {
  std::mt19937 random(2);
  for (int i = 0; i < 500; ++i) {
    void* block = malloc(RandomSize(&random));
    size_t usable = malloc_usable_size(block);
    memset(block, 1, usable);
    heapprof_set_sample_interval(i % 2 == 0 ? 1 : GetParam());
    EXPECT_EQ(malloc_usable_size(block), usable);
    free(block);
  }
}

TEST_P(MallocTest, SamplesHaveNoMoreUsableBytesThanOthers) {
  // A program that gives back what it does not need must not tell samples from other blocks.
  for (size_t size : {0, 1, 8, 9, 100, 500, 4000, 5000, 20000, 300000}) {
    heapprof_set_sample_interval(0);
    void* plain = malloc(size);
    const size_t usable = malloc_usable_size(plain);
    free(plain);
    heapprof_set_sample_interval(GetParam());
    // So many bytes that some are samples, at any interval.
    const size_t rounds = std::min<size_t>(8 * GetParam() / (size + 1), 100000) + 10;
    for (size_t i = 0; i < rounds; ++i) {
      void* block = malloc(size);
      ASSERT_EQ(malloc_usable_size(block), usable) << size;
      free(block);
    }
  }
}

TEST_P(MallocTest, PvallocRoundsUpAndDoesNotWrap) {
  for (size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{4097}}) {
    void* block = pvalloc(size);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 4096, 0u);
    EXPECT_GE(malloc_usable_size(block), (size + 4095) / 4096 * 4096);
    free(block);
  }
  for (size_t size : {SIZE_MAX, SIZE_MAX - 4095, size_t{PTRDIFF_MAX}}) {
    errno = 0;
    EXPECT_EQ(pvalloc(size), nullptr);
    EXPECT_EQ(errno, ENOMEM);
  }
}

TEST_P(MallocTest, SizedFreeTakesAnyBlock) {
  uint64_t live = Stats().live_samples;
  free_sized(nullptr, 0);
  free_aligned_sized(nullptr, 16, 0);
  for (size_t size = 0; size < 3000; ++size) {
    free_sized(calloc(1, size), size);
    free_aligned_sized(aligned_alloc(64, size), 64, size);
  }
  EXPECT_EQ(Stats().live_samples, live);
}

TEST_P(MallocTest, StatisticsFollowWhatIsAllocated) {
  // Blocks in the thread's cache count as in use, and may leave it meanwhile.
  constexpr size_t kCached = 1 << 20;
  constexpr size_t kSize = 64 << 20;
  size_t before = mallinfo2().uordblks;
  void* block = malloc(kSize);
  size_t with_block = mallinfo2().uordblks;
  EXPECT_GE(with_block + kCached, before + kSize);
  EXPECT_GE(mallinfo().uordblks, static_cast<int>(kSize));
  memset(block, 1, kSize);
  free(block);
  EXPECT_LE(mallinfo2().uordblks, with_block - kSize + kCached);
  malloc_trim(0);
  EXPECT_LT(mallinfo2().keepcost, kSize);
}

}  // namespace
}  // namespace heapprof::test
