// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/last_walks.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <numeric>

namespace heapprof {
namespace {

TEST(LastWalksTest, AThreadThatEndsLeavesItsMemoryToTheNext) {
  auto walks = std::make_unique<LastWalks>();
  LastWalk* const first = walks->Take();
  LastWalk* const second = walks->Take();
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_NE(first, second);
  walks->GiveBack(first);
  EXPECT_EQ(walks->Take(), first);
}

TEST(LastWalksTest, AreBounded) {
  auto walks = std::make_unique<LastWalks>();
  LastWalk* last = nullptr;
  for (uint32_t i = 0; i < LastWalks::kThreads; ++i) ASSERT_NE(last = walks->Take(), nullptr) << i;
  EXPECT_EQ(walks->Take(), nullptr);
  walks->GiveBack(last);
  EXPECT_EQ(walks->Take(), last);
}

TEST(LastWalksTest, AChildOfForkHasItsOwnOnly) {
  auto walks = std::make_unique<LastWalks>();
  LastWalk* const own = walks->Take();
  LastWalk* const others = walks->Take();
  walks->KeepOnly(own);
  for (int i = 0; i < 10; ++i) EXPECT_NE(walks->Take(), own);
  walks->KeepOnly(nullptr);
  EXPECT_EQ(walks->Take() != nullptr, others != nullptr);
}

// Another thread may stand between two stores to its memory.
TEST(LastWalksTest, AChildOfForkTakesNothingThatOthersMayHaveHalfWritten) {
  auto walks = std::make_unique<LastWalks>();
  LastWalk* const own = walks->Take();
  LastWalk* const others = walks->Take();
  ASSERT_NE(others, nullptr);
  constexpr unsigned char kSome = 0xab;
  for (LastWalk* walk : {own, others}) {
    memset(static_cast<void*>(LastWalks::BucketsBeside(walk)), kSome, sizeof(RecentBuckets));
  }
  walks->KeepOnly(own);
  for (LastWalk* taken = walks->Take(); taken != others; taken = walks->Take()) ASSERT_NE(taken, nullptr);
  const auto sum = [](LastWalk* walk) {
    const auto* bytes = reinterpret_cast<unsigned char*>(LastWalks::BucketsBeside(walk));
    return std::accumulate(bytes, bytes + sizeof(RecentBuckets), size_t{0});
  };
  EXPECT_EQ(sum(others), 0u);
  EXPECT_EQ(sum(own), kSome * sizeof(RecentBuckets));
}

}  // namespace
}  // namespace heapprof
