// SPDX-License-Identifier: Apache-2.0
// What the program's blocks have, parted among the stacks of the samples: the parts are the whole.
#include "profiles/memory/memory_shares.h"

#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <random>

#include "tests/profiles/fake_tables.h"

namespace heapprof {
namespace {

constexpr size_t kMiB = 1 << 20, kClass = 112;

size_t RoundUp(size_t size, size_t to) { return (size + to - 1) / to * to; }
size_t Usable(size_t size, size_t alignment) { return RoundUp(RoundUp(size, 16), alignment); }
constexpr HeapView kView = {nullptr, nullptr, [](uint32_t) { return kClass; }, Usable};

class MemorySharesTest : public testing::Test {
 protected:
  MemorySharesTest() { SetHeapView(&kView); }
  ~MemorySharesTest() override {
    SetHeapView(nullptr);
    Unmap();
  }
  // Blocks of the program's, of which nobody knows the stacks.
  void AddLarge(HeapAccount* heap, size_t size, size_t touched) {
    Map(size, touched);
    const HeapExtent extent = {at(), at() + size, HeapExtent::Use::kLarge, 0, at(), 1, 0, 0};
    Count(extent, heap);
  }
  // A slab of blocks of kClass, of which so many are in use.
  void AddSlab(HeapAccount* heap, uint32_t used) {
    Map(4096, 4096);
    constexpr uint32_t kBlocks = 4096 / kClass;
    const HeapExtent extent = {at(), at() + 4096, HeapExtent::Use::kSlab, 0,
                               at(), kBlocks,     kBlocks - used,         0};
    Count(extent, heap);
  }
  int64_t Given(const MemoryShares& shares) {
    int64_t sum = 0;
    for (uint32_t id = 1; id <= shares.count(); ++id) {
      sum += shares.At(id).live.mapped + shares.At(id).rounding.mapped;
    }
    EXPECT_EQ(sum, shares.total().mapped);
    return sum;
  }

 private:
  uintptr_t at() const { return reinterpret_cast<uintptr_t>(memory_); }
  void Unmap() {
    if (memory_ != nullptr) munmap(memory_, size_);
    memory_ = nullptr;
  }
  void Map(size_t size, size_t touched) {
    Unmap();
    size_ = size;
    memory_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(memory_, MAP_FAILED);
    madvise(memory_, size, MADV_NOHUGEPAGE);
    memset(memory_, 1, touched);
  }
  void Count(const HeapExtent& extent, HeapAccount* heap) {
    ResidentPages pages;
    ASSERT_TRUE(pages.Open());
    pages.Begin(extent.start, extent.end, false);
    heap->Add(extent, &pages);
  }

  void* memory_ = nullptr;
  size_t size_ = 0;
};

TEST_F(MemorySharesTest, AreExactWhereEachBlockIsASample) {
  FakeTables tables;
  tables.AddBucket(tables.AddStack({0x1001}), 100, 1, 12, 2);
  tables.AddBucket(tables.AddStack({0x2001}), 7, 1, 5, 5);
  HeapAccount heap;
  ASSERT_TRUE(heap.Init(tables.BucketCount()));
  AddSlab(&heap, 10);
  MemoryShares shares;
  ASSERT_TRUE(shares.Compute(tables, heap, Usable));
  EXPECT_EQ(shares.At(1).live.mapped, 1000);
  EXPECT_EQ(shares.At(1).rounding.mapped, 120);
  EXPECT_EQ(shares.At(1).live.resident, 1000);
  EXPECT_EQ(shares.At(2).live.mapped, 0);
  EXPECT_EQ(shares.without_stack().mapped, 0);
  EXPECT_EQ(shares.alignment().mapped, 0);
}

TEST_F(MemorySharesTest, AddUpToWhatThereIs) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    FakeTables tables;
    const uint32_t buckets = 1 + random() % 40;
    double estimate = 0;
    for (uint32_t i = 0; i < buckets; ++i) {
      const uint64_t size = 1 + random() % 40'000, live = random() % 4;
      tables.AddBucket(tables.AddStack({0x1001 + 16 * i}), size, 64 << 10, live + 1, 1, random());
      estimate += SampleWeight(size, 64 << 10) * static_cast<double>(live * size);
    }
    HeapAccount heap;
    ASSERT_TRUE(heap.Init(buckets));
    // About what the samples say, within their errors, or far from it.
    const double factor = round % 3 == 0 ? 0.1 : round % 3 == 1 ? 1 : 20;
    const size_t size = RoundUp(static_cast<size_t>(estimate * factor) + 1, 4096);
    AddLarge(&heap, size, 0);
    MemoryShares shares;
    ASSERT_TRUE(shares.Compute(tables, heap, Usable));
    const int64_t all = Given(shares) + shares.without_stack().mapped + shares.alignment().mapped;
    EXPECT_NEAR(static_cast<double>(all), static_cast<double>(size), 2.0 * buckets + 2) << round;
    // Far more than the samples can stand for was allocated by nobody who is known.
    const bool is_far = factor > 1 && estimate > 0;
    EXPECT_TRUE(!is_far || shares.without_stack().mapped > 0);
  }
}

TEST_F(MemorySharesTest, LargeBlocksStayAsTheyAre) {
  FakeTables tables;
  // A block a hundred times the interval is a sample for certain; small ones stand for others.
  tables.AddBucket(tables.AddStack({0x1001}), 6'553'600, 64 << 10, 1, 0);
  tables.AddBucket(tables.AddStack({0x2001}), 64, 64 << 10, 4, 0);
  HeapAccount heap;
  ASSERT_TRUE(heap.Init(2));
  AddLarge(&heap, 7 * kMiB, 7 * kMiB);
  MemoryShares shares;
  ASSERT_TRUE(shares.Compute(tables, heap, Usable));
  EXPECT_NEAR(static_cast<double>(shares.At(1).live.mapped), 6'553'600, 2);
  EXPECT_GT(shares.At(2).live.mapped, 4 * 64);
  const int64_t all = Given(shares) + shares.without_stack().mapped + shares.alignment().mapped;
  EXPECT_NEAR(static_cast<double>(all), 7.0 * kMiB, 4);
}

TEST_F(MemorySharesTest, WithoutSamplesNothingHasAStack) {
  FakeTables tables;
  tables.AddBucket(tables.AddStack({0x1001}), 100, 64 << 10, 3, 3);
  tables.AddUnfinishedBucket();
  HeapAccount heap;
  ASSERT_TRUE(heap.Init(tables.BucketCount()));
  AddLarge(&heap, kMiB, kMiB / 2);
  MemoryShares shares;
  ASSERT_TRUE(shares.Compute(tables, heap, Usable));
  EXPECT_EQ(shares.total().mapped, 0);
  EXPECT_EQ(shares.without_stack().mapped, static_cast<int64_t>(kMiB));
  EXPECT_EQ(shares.without_stack().resident, static_cast<int64_t>(kMiB / 2));
}

}  // namespace
}  // namespace heapprof
