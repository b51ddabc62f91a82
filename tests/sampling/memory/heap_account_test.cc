// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/heap_account.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace heapprof
