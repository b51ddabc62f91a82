// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/last_walks.h"

#include <gtest/gtest.h>

#include <memory>

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

}  // namespace
}  // namespace heapprof
