// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/live_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/memory/arena.h"

namespace heapprof {
namespace {

class LiveTableTest : public testing::Test {
 protected:
  LiveTable table_;
};

TEST_F(LiveTableTest, BehavesLikeAMapOverRandomInsertsAndRemoves) {
  std::mt19937_64 random(1);
  std::unordered_map<uintptr_t, uint32_t> model;
  std::vector<uintptr_t> keys;
  for (int i = 0; i < 200000; ++i) {
    uintptr_t address = 0x10000000 + (random() % 50000) * 16;
    if (random() % 2 == 0) {
      uint32_t bucket = static_cast<uint32_t>(random() % 1000) + 1, stale = 0;
      ASSERT_TRUE(table_.Insert(address, bucket, 0, &stale));
      auto found = model.find(address);
      ASSERT_EQ(stale, found == model.end() ? 0u : found->second);
      model[address] = bucket;
    } else {
      auto found = model.find(address);
      uint32_t expected = found == model.end() ? 0u : found->second;
      ASSERT_EQ(table_.Find(address), expected);
      ASSERT_EQ(table_.Remove(address), expected);
      if (found != model.end()) model.erase(found);
    }
    if (i % 10000 == 0) {
      ASSERT_EQ(table_.Count(), model.size());
    }
  }
  for (auto [address, bucket] : model) EXPECT_EQ(table_.Remove(address), bucket);
  EXPECT_EQ(table_.Count(), 0u);
}

TEST_F(LiveTableTest, BirthsStayWithTheirEntriesOverMovesAndGrowth) {
  table_.KeepBirths();
  std::mt19937_64 random(2);
  std::unordered_map<uintptr_t, int64_t> model;
  int64_t now = 0;
  for (int i = 0; i < 200000; ++i) {
    const uintptr_t address = 0x10000000 + (random() % 50000) * 16;
    const auto found = model.find(address);
    if (random() % 2 == 0) {
      uint32_t stale = 0;
      int64_t stale_birth = 0;
      ASSERT_TRUE(table_.InsertBorn(address, 7, 0, ++now, &stale, &stale_birth));
      ASSERT_EQ(stale, found == model.end() ? 0u : 7u);
      ASSERT_EQ(stale_birth, found == model.end() ? 0 : found->second);
      model[address] = now;
    } else if (found != model.end()) {
      int64_t birth = 0;
      ASSERT_EQ(table_.RemoveBorn(address, random() % 2 == 0, &birth), 7u);
      ASSERT_EQ(birth, found->second);
      model.erase(found);
    }
  }
  std::multiset<int64_t> expected, copied;
  for (const auto& [address, birth] : model) expected.insert(birth);
  for (uint32_t shard = 0; shard < LiveTable::kShards; ++shard) {
    std::vector<LiveTable::Born> births(table_.SlotsOf(shard));
    const uint64_t count = table_.CopyBirths(shard, births.data(), births.size());
    ASSERT_LE(count, births.size());
    EXPECT_EQ(table_.CopyBirths(shard, nullptr, 0), count);
    for (uint64_t i = 0; i < count; ++i) {
      EXPECT_EQ(births[i].bucket, 7u);
      copied.insert(births[i].birth);
    }
  }
  EXPECT_EQ(copied, expected);
}

TEST_F(LiveTableTest, EntriesAreCountedByBucketFromAnEpochOn) {
  uint32_t stale;
  const uint32_t last = live::kEpochMask, wrapped = 0;  // the epoch after the last is the first again
  const uint32_t epochs[] = {last - 1, last, last, wrapped, wrapped + 1};
  for (uint32_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(table_.Insert(0x1000 + i * 16, i < 3 ? 1 : 3, epochs[i] | live::kIgnoredTag, &stale));
  }
  ASSERT_TRUE(table_.Insert(0x2000, 4, last, &stale));  // a bucket that is not asked for
  for (const bool locked : {false, true}) {
    uint32_t counts[3] = {};
    table_.CountSince(last, counts, 3, locked);
    EXPECT_EQ(counts[0], 2u);
    EXPECT_EQ(counts[1], 0u);
    EXPECT_EQ(counts[2], 2u);
  }
}

TEST_F(LiveTableTest, OwnEntriesAreAlwaysFoundWhileOthersMoveThem) {
  // Each thread looks up its own entries without a lock while the others insert and remove in the same
  // shards.
  constexpr int kThreads = 4, kRounds = 20000, kHeld = 64;
  std::atomic<int> missed{0};
  auto work = [&](uintptr_t thread) {
    std::mt19937_64 random(thread);
    std::vector<uintptr_t> held;
    for (int i = 0; i < kRounds; ++i) {
      uintptr_t address = (thread << 40) + (random() % 100000 + 1) * 16;
      uint32_t stale;
      if (table_.Find(address) == 0) {
        if (!table_.Insert(address, static_cast<uint32_t>(thread), 0, &stale)) ++missed;
        held.push_back(address);
      }
      for (size_t k = 0; k < held.size(); k += 7) {
        if (table_.Find(held[k]) != thread) ++missed;
      }
      if (held.size() > kHeld) {
        std::swap(held[random() % held.size()], held.back());
        if (table_.Remove(held.back(), i % 2 == 0) != thread) ++missed;
        held.pop_back();
      }
    }
    for (uintptr_t address : held) {
      if (table_.Remove(address) != thread) ++missed;
    }
  };
  std::vector<std::thread> threads;
  for (int t = 1; t <= kThreads; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(missed, 0);
}

TEST_F(LiveTableTest, ShardsThatFindNoMemoryToGrowKeepRoomForSearches) {
  constexpr uintptr_t kFirst = uintptr_t{1} << 45;
  constexpr uint64_t kSlotBytes = 16;
  const uint64_t bytes_before = MetadataBytes();
  // Little enough that most shards stop growing in the middle of the run.
  SetMetadataLimit(bytes_before + (1 << 20));
  uint64_t refused = 0;
  std::vector<uintptr_t> held;
  for (uintptr_t i = 0; i < 200000; ++i) {
    uint32_t stale;
    if (table_.Insert(kFirst + i * 16, 1, 0, &stale)) {
      held.push_back(kFirst + i * 16);
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(table_.Count(), held.size());
  const uint64_t slots = (MetadataBytes() - bytes_before) / kSlotBytes;
  EXPECT_LE(table_.Count() * 16, slots * 13);
  // What there is is found, replaced and ended as ever, and its places are taken again.
  for (uintptr_t address : held) ASSERT_EQ(table_.Find(address), 1u);
  uint32_t stale = 0;
  EXPECT_TRUE(table_.Insert(held[0], 2, 0, &stale));
  EXPECT_EQ(stale, 1u);
  for (uintptr_t address : held) ASSERT_NE(table_.Remove(address), 0u);
  for (uintptr_t address : held) ASSERT_TRUE(table_.Insert(address, 3, 0, &stale));
  SetMetadataLimit(UINT64_MAX);
  EXPECT_TRUE(table_.Insert(kFirst - 16, 4, 0, &stale));
  for (uintptr_t address : held) ASSERT_EQ(table_.Remove(address), 3u);
  EXPECT_EQ(table_.Remove(kFirst - 16), 4u);
}

}  // namespace
}  // namespace heapprof
