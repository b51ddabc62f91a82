// SPDX-License-Identifier: Apache-2.0
#include "base/lock/shown.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace heapprof {
namespace {

TEST(ShownTest, IsSeenFromShowToTakeAway) {
  Shown<int> shown;
  int object = 7;
  EXPECT_EQ(Shown<int>::User(&shown).get(), nullptr);
  EXPECT_FALSE(shown.IsAny());
  shown.Show(&object);
  EXPECT_EQ(Shown<int>::User(&shown).get(), &object);
  EXPECT_TRUE(shown.IsAny());
  shown.TakeAway();
  shown.WaitForUsers();
  EXPECT_EQ(Shown<int>::User(&shown).get(), nullptr);
}

// Whoever sees an object sees it before its owner goes on.
TEST(ShownTest, ItsOwnerWaitsForWhoSawIt) {
  struct Object {
    std::atomic<bool> alive{false};
  } object;
  Shown<Object> shown;
  std::atomic<bool> over{false};
  std::atomic<uint64_t> seen{0}, dead{0};
  std::thread user([&] {
    while (!over) {
      Shown<Object>::User use(&shown);
      if (use.get() == nullptr) continue;
      for (int i = 0; i < 10; ++i) dead += use.get()->alive ? 0 : 1;
      ++seen;
    }
  });
  for (int round = 0; round < 1000 || seen == 0; ++round) {
    object.alive = true;
    shown.Show(&object);
    std::this_thread::yield();
    shown.TakeAway();
    shown.WaitForUsers();
    object.alive = false;
  }
  over = true;
  user.join();
  EXPECT_EQ(dead, 0u);
}

TEST(ShownTest, AChildOfForkHasNone) {
  Shown<int> shown;
  int object = 7;
  shown.Show(&object);
  {
    // Of a thread that the child has not.
    const Shown<int>::User use(&shown);
    EXPECT_EQ(shown.ForgetAfterFork(), &object);
    EXPECT_FALSE(shown.IsAny());
    shown.WaitForUsers();
    shown.Show(&object);
    EXPECT_TRUE(shown.IsAny());
  }
}

}  // namespace
}  // namespace heapprof
