// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/bucket_table.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/memory/arena.h"
#include "tests/support/own_process.h"

namespace heapprof {
namespace {

BucketKey KeyOf(const std::vector<uintptr_t>& pcs, uint64_t size, uint64_t interval) {
  uint64_t hash = 1;
  for (uintptr_t pc : pcs) hash = MixBits(hash ^ pc);
  return {{pcs.data(), static_cast<uint32_t>(pcs.size()), false, hash}, size, interval, 0};
}

std::vector<uintptr_t> PcsOf(uint32_t bucket) {
  StackView stack = StackAt(BucketAt(bucket)->stack);
  std::vector<uintptr_t> pcs;
  for (uint32_t i = 0; i < stack.depth; ++i) pcs.push_back(LocationReturnAddress(stack.locations[i]));
  return pcs;
}

TEST(BucketTableTest, EqualKeysShareABucketAndOthersDoNot) {
  std::vector<uintptr_t> one = {0x1000, 0x2000}, two = {0x2000, 0x1000};
  uint32_t bucket = FindOrAddBucket(KeyOf(one, 64, 4096));
  ASSERT_NE(bucket, 0u);
  EXPECT_EQ(FindOrAddBucket(KeyOf(one, 64, 4096)), bucket);
  EXPECT_NE(FindOrAddBucket(KeyOf(one, 65, 4096)), bucket);
  EXPECT_NE(FindOrAddBucket(KeyOf(one, 64, 512)), bucket);
  EXPECT_NE(FindOrAddBucket(KeyOf(two, 64, 4096)), bucket);
  EXPECT_EQ(PcsOf(bucket), one);
}

TEST(BucketTableTest, AHundredThousandBucketsAreAllFoundAgainAfterGrowth) {
  std::vector<uint32_t> ids;
  auto pcs_of = [](uintptr_t i) { return std::vector<uintptr_t>{i * 8 + 1, i / 3 + 7, 0x400000}; };
  for (uintptr_t i = 0; i < 100000; ++i) ids.push_back(FindOrAddBucket(KeyOf(pcs_of(i), 100, 1)));
  for (uintptr_t i = 0; i < 100000; ++i) {
    ASSERT_EQ(FindOrAddBucket(KeyOf(pcs_of(i), 100, 1)), ids[i]);
    ASSERT_EQ(PcsOf(ids[i]), pcs_of(i));
  }
}

TEST(BucketTableTest, ThreadsThatAddTheSameKeysAgreeOnTheBuckets) {
  constexpr int kThreads = 4, kKeys = 5000;
  std::vector<std::vector<uint32_t>> ids(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&ids, t] {
      for (uintptr_t i = 0; i < kKeys; ++i) {
        std::vector<uintptr_t> pcs = {i + 0x7000000, i + 1};
        uint32_t id = FindOrAddBucket(KeyOf(pcs, i, 4096));
        MutableBucket(id)->allocations.fetch_add(1);
        ids[t].push_back(id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kKeys; ++i) {
    for (int t = 1; t < kThreads; ++t) ASSERT_EQ(ids[t][i], ids[0][i]);
    EXPECT_EQ(BucketAt(ids[0][i])->allocations.load(), static_cast<uint64_t>(kThreads));
  }
}

// From then on the process' tables are full.
void FillTheTables() {
  SetMetadataLimit(MetadataBytes() + (1 << 20));  // the least that the option takes
  std::vector<uintptr_t> known = {0x99, 0x98};
  uint64_t total = 0, bytes = 0, counted = 0, counted_bytes = 0;
  uint32_t first_new = BucketCount() + 1;
  for (uintptr_t i = 0; i < 100000; ++i) {
    uint64_t size = 16 + 16 * (i % 20);
    std::vector<uintptr_t> pcs = {0x5000000000 + i, 0x6000000000 + i};
    uint32_t id = FindOrAddBucket(KeyOf(pcs, size, 1));
    ASSERT_NE(id, 0u);
    MutableBucket(id)->allocations.fetch_add(1);
    ++total;
    bytes += size;
  }
  bool overflowed = false;
  for (uint32_t id = first_new; id <= BucketCount(); ++id) {
    counted += BucketAt(id)->allocations.load();
    counted_bytes += BucketAt(id)->allocations.load() * BucketAt(id)->size;
    overflowed |= BucketAt(id)->stack == kOverflowStack;
  }
  EXPECT_TRUE(overflowed);
  EXPECT_EQ(counted, total);
  EXPECT_EQ(counted_bytes, bytes);
  SetMetadataLimit(UINT64_MAX);
}

TEST(BucketTableTest, BeyondTheLimitTheOverflowBucketsOfEachSizeCountEverything) {
  test::InAProcessOfItsOwn(FillTheTables);
}

}  // namespace
}  // namespace heapprof
