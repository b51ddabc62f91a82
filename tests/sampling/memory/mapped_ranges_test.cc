// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/mapped_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace heapprof {
namespace {

std::vector<MappedRange> All(const MappedRanges& ranges) {
  std::vector<MappedRange> all(ranges.count());
  all.resize(ranges.Copy(all.data(), all.size()));
  return all;
}

// As the ranges, page by page.
class Model {
 public:
  explicit Model(size_t pages) : stacks_(pages) {}
  void Set(uintptr_t start, uintptr_t end, uint32_t stack) {
    std::fill(stacks_.begin() + static_cast<ptrdiff_t>(start), stacks_.begin() + static_cast<ptrdiff_t>(end),
              stack);
  }
  uint32_t at(uintptr_t page) const { return stacks_[page]; }
  // That of all of them, or 0.
  uint32_t Of(uintptr_t start, uintptr_t end) const {
    for (uintptr_t page = start; page < end; ++page) {
      if (stacks_[page] != stacks_[start]) return 0;
    }
    return stacks_[start];
  }
  // Ranges must be disjoint, in order, not empty and the same.
  void ExpectSame(const std::vector<MappedRange>& ranges) const {
    std::vector<uint32_t> seen(stacks_.size());
    uintptr_t last = 0;
    for (const MappedRange& range : ranges) {
      ASSERT_GE(range.start, last);
      ASSERT_LT(range.start, range.end);
      last = range.end;
      std::fill(seen.begin() + static_cast<ptrdiff_t>(range.start),
                seen.begin() + static_cast<ptrdiff_t>(range.end), range.stack);
    }
    EXPECT_EQ(seen, stacks_);
  }

 private:
  std::vector<uint32_t> stacks_;
};

TEST(MappedRanges, AreWhatAModelByPagesIs) {
  constexpr size_t kPages = 20'000;
  for (const uint32_t longest : {3, 40, 9000}) {
    MappedRanges ranges;
    Model model(kPages);
    std::mt19937 random(longest);
    for (int round = 0; round < 30'000; ++round) {
      const uintptr_t start = random() % kPages,
                      end = std::min<uintptr_t>(kPages, start + 1 + random() % longest);
      if (random() % 3 != 0) {
        const uint32_t stack = 1 + random() % 5;
        ASSERT_TRUE(ranges.Add({start, end, stack, 0}));
        model.Set(start, end, stack);
      } else {
        const uint32_t of_all = model.Of(start, end), removed = ranges.Remove(start, end);
        // What is one stack may be several ranges, which are not looked at together.
        if (removed != 0) EXPECT_EQ(removed, of_all);
        model.Set(start, end, 0);
      }
      if (round % 1000 == 0) ASSERT_NO_FATAL_FAILURE(model.ExpectSame(All(ranges)));
      const uintptr_t page = random() % kPages;
      MappedRange found;
      ASSERT_EQ(ranges.Find(page, &found) ? found.stack : 0, model.at(page));
    }
    ASSERT_NO_FATAL_FAILURE(model.ExpectSame(All(ranges)));
    ranges.Remove(0, kPages);
    EXPECT_EQ(ranges.count(), 0u);
  }
}

TEST(MappedRanges, NeighboursOfOneStackAreOneButForThoseThatStandAlone) {
  MappedRanges ranges;
  for (uintptr_t i = 0; i < 10'000; ++i) ASSERT_TRUE(ranges.Add({i, i + 1, 7, 0}));
  EXPECT_EQ(ranges.count(), 1u);
  ASSERT_TRUE(ranges.Add({10'001, 10'002, 7, 0}));
  ASSERT_TRUE(ranges.Add({10'000, 10'001, 7, 0}));
  ASSERT_EQ(ranges.count(), 1u);
  EXPECT_EQ(All(ranges)[0].end, 10'002u);
  ASSERT_TRUE(ranges.Add({10'002, 10'003, 7, 1}));
  ASSERT_TRUE(ranges.Add({10'003, 10'004, 7, 1}));
  EXPECT_EQ(ranges.count(), 3u);
  EXPECT_EQ(ranges.Remove(5000, 5001), 7u);
  EXPECT_EQ(ranges.count(), 4u);
  EXPECT_EQ(ranges.Remove(4999, 5002), 0u);
}

TEST(MappedRanges, WhatFindsNoRoomIsOfNoStack) {
  MappedRanges ranges;
  uintptr_t added = 0;
  while (ranges.Add({3 * added, 3 * added + 2, 1 + static_cast<uint32_t>(added % 2), 0})) ++added;
  // Ascending, every chunk is left half full.
  EXPECT_GE(added, MappedRanges::kChunkRanges / 2 * MappedRanges::kMaxChunks);
  EXPECT_EQ(ranges.count(), added);
  MappedRange found;
  EXPECT_FALSE(ranges.Find(3 * added, &found));
  EXPECT_TRUE(ranges.Find(3 * added - 2, &found));
  ranges.Clear();
  EXPECT_TRUE(ranges.Add({0, 1, 1, 0}));
  EXPECT_EQ(ranges.count(), 1u);
}

}  // namespace
}  // namespace heapprof
