// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/heap_account.h"

#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>

#include "sampling/heap/heap_tables.h"

namespace heapprof {
namespace {

constexpr size_t kBlock = 8192;
constexpr HeapView kView = {nullptr, nullptr, [](uint32_t) { return kBlock; }, nullptr};

class HeapAccountTest : public testing::Test {
 protected:
  HeapAccountTest() { SetHeapView(&kView); }
  ~HeapAccountTest() override { SetHeapView(nullptr); }
};

// A slab is new, all of it free, and another thread takes a block of it, which is a sample, between the
// reader's look at the count and that at the bits.
TEST_F(HeapAccountTest, ASlabWhoseBlocksAreTakenMeanwhileIsNoDivisionByZero) {
  const uintptr_t pcs[] = {0x1000, 0x2000};
  const uint32_t bucket = HeapBuckets().FindOrAdd({{pcs, 2, Truncation::kNone, 77}, 8000, 1, 0});
  ASSERT_NE(bucket, 0u);
  constexpr uintptr_t kStart = uintptr_t{0x12345} << 20;
  uint32_t stale = 0;
  ASSERT_TRUE(LiveSamples().Insert(kStart, bucket, 0, &stale));
  ResidentPages pages;
  ASSERT_TRUE(pages.Open());
  pages.Begin(kStart, kStart + 2 * kBlock, false);
  HeapAccount account;
  ASSERT_TRUE(account.Init(HeapBuckets().count()));
  HeapExtent extent = {kStart, kStart + 2 * kBlock, HeapExtent::Use::kSlab, 0, kStart, 2, 2, 0b10};
  account.Add(extent, &pages);
  LiveSamples().Remove(kStart);
  EXPECT_EQ(account.live().mapped, 0u);
  EXPECT_EQ(account.free_in(0).mapped, 2 * kBlock);
  EXPECT_EQ(account.found(bucket).asked, 0u);
}

// Four pages of a slab of eight blocks are touched, and all its blocks are taken: some by the program, some
// by caches.
TEST_F(HeapAccountTest, CachedBlocksThatNobodyTouchedTakeNothingFromLiveOnes) {
  constexpr size_t kSize = 8 * kBlock;
  struct {
    uint32_t cached;
    uint64_t cached_resident;
  } const cases[] = {{0, 0}, {4, 0}, {6, 2 * kBlock}, {8, 4 * kBlock}};
  auto* slab =
      static_cast<char*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(slab, MAP_FAILED);
  memset(slab, 1, 4 * kBlock);
  const auto start = reinterpret_cast<uintptr_t>(slab);
  for (const auto& one : cases) {
    ResidentPages pages;
    ASSERT_TRUE(pages.Open());
    pages.Begin(start, start + kSize, false);
    HeapAccount account;
    ASSERT_TRUE(account.Init(HeapBuckets().count()));
    account.Add({start, start + kSize, HeapExtent::Use::kSlab, 0, start, 8, 0, 0}, &pages);
    CachedBlocks cached = {};
    cached.of[0] = one.cached;
    account.TakeCached(cached);
    EXPECT_EQ(account.cached().resident, one.cached_resident) << one.cached;
    EXPECT_EQ(account.cached().mapped, one.cached * kBlock);
    EXPECT_EQ(account.live().resident, 4 * kBlock - one.cached_resident) << one.cached;
    EXPECT_EQ(account.live().mapped, kSize - one.cached * kBlock);
  }
  munmap(slab, kSize);
}

}  // namespace
}  // namespace heapprof
