// SPDX-License-Identifier: Apache-2.0
#include "sampling/contention/waiters.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace heapprof {
namespace {

class WaitersTest : public testing::Test {
 protected:
  std::unique_ptr<Waiters> waiters_ = std::make_unique<Waiters>();
  int lock_ = 0, other_ = 0, condition_ = 0;
};

TEST_F(WaitersTest, WhoUnlocksTakesWhatAllHaveWaitedSinceTheLast) {
  EXPECT_FALSE(waiters_->MayHaveWaiters(&lock_));
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 50), 0u);
  const uint64_t a = waiters_->Enter(&lock_, 100), b = waiters_->Enter(&lock_, 150);
  EXPECT_TRUE(waiters_->MayHaveWaiters(&lock_));
  EXPECT_EQ(waiters_->TakeWaited(&other_, 200), 0u);
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 200), 100u + 50u);
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 200), 0u);
  waiters_->Leave(&lock_, a);
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 230), 30u);
  waiters_->Leave(&lock_, b);
  EXPECT_FALSE(waiters_->MayHaveWaiters(&lock_));
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 300), 0u);
}

TEST_F(WaitersTest, WhoLeavesTakesItsUntakenTimeAlong) {
  const uint64_t a = waiters_->Enter(&lock_, 100);
  waiters_->Enter(&lock_, 110);
  waiters_->Leave(&lock_, a);
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 150), 40u);
}

TEST_F(WaitersTest, AClockThatWasReadBeforeTheLastUnlockTakesNothingTwice) {
  waiters_->Enter(&lock_, 100);
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 200), 100u);
  const uint64_t late = waiters_->Enter(&lock_, 180);
  EXPECT_EQ(late, 200u);
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 190), 0u);
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 210), 20u);
}

TEST_F(WaitersTest, OfAConditionThoseWhoWereWokenWaitForItsMutex) {
  ASSERT_TRUE(waiters_->EnterCondition(&condition_, &lock_));
  ASSERT_TRUE(waiters_->EnterCondition(&condition_, &lock_));
  ASSERT_TRUE(waiters_->EnterCondition(&condition_, &lock_));
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 1000), 0u);
  EXPECT_FALSE(waiters_->MayHaveWoken(&lock_));
  waiters_->Wake(&condition_, 1000, false);
  EXPECT_TRUE(waiters_->MayHaveWoken(&lock_));
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 1100), 100u);
  waiters_->LeaveCondition(&condition_, &lock_);
  EXPECT_FALSE(waiters_->MayHaveWoken(&lock_));
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 1200), 0u);
  waiters_->Wake(&condition_, 1300, true);
  waiters_->Wake(&condition_, 1350, true);  // nobody is left to wake
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 1400), 200u);
  waiters_->LeaveCondition(&condition_, &lock_);
  waiters_->LeaveCondition(&condition_, &lock_);
  EXPECT_FALSE(waiters_->MayHaveWaiters(&lock_));
  EXPECT_FALSE(waiters_->MayHaveWaiters(&condition_));
  EXPECT_FALSE(waiters_->MayHaveWoken(&lock_));
}

// Who was woken with one mutex has not left yet when others wait with another; here both are in one shard.
TEST_F(WaitersTest, AConditionMayBeUsedWithAnotherMutexWhileSomeAreOnTheirWay) {
  std::vector<char> places(100'000);
  waiters_->Enter(&lock_, 1);
  const char* second = places.data();
  while (!waiters_->MayHaveWaiters(second)) ++second;
  waiters_->Leave(&lock_, 1);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(waiters_->EnterCondition(&condition_, &lock_));
  waiters_->Wake(&condition_, 1000, true);
  ASSERT_TRUE(waiters_->EnterCondition(&condition_, second));
  EXPECT_EQ(waiters_->TakeWaited(second, 1100), 0u);
  waiters_->Wake(&condition_, 1200, false);
  EXPECT_EQ(waiters_->TakeWaited(second, 1300), 100u);
  waiters_->LeaveCondition(&condition_, &lock_);
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 1400), 400u);
  EXPECT_EQ(waiters_->TakeWaited(second, 1400), 100u);
  waiters_->LeaveCondition(&condition_, &lock_);
  waiters_->LeaveCondition(&condition_, second);
  EXPECT_FALSE(waiters_->MayHaveWaiters(&lock_));
  EXPECT_FALSE(waiters_->MayHaveWaiters(&condition_));
}

TEST_F(WaitersTest, WithoutRoomAWaiterIsLeftOutAndNothingIsLeftBehind) {
  std::vector<char> locks(Waiters::kShards * 100);
  std::vector<std::pair<const void*, uint64_t>> entered;
  size_t left_out = 0;
  for (const char& lock : locks) {
    const uint64_t since = waiters_->Enter(&lock, 5);
    left_out += since == 0;
    entered.emplace_back(&lock, since);
  }
  EXPECT_EQ(locks.size() - left_out, Waiters::kShards * Waiters::kEntries);
  EXPECT_FALSE(waiters_->EnterCondition(&condition_, &lock_));
  for (const auto& [lock, since] : entered) waiters_->Leave(lock, since);
  for (const char& lock : locks) EXPECT_FALSE(waiters_->MayHaveWaiters(&lock));
}

TEST_F(WaitersTest, AChildKnowsNoneOfItsParentsWaiters) {
  const uint64_t since = waiters_->Enter(&lock_, 100);
  ASSERT_TRUE(waiters_->EnterCondition(&condition_, &lock_));
  waiters_->Wake(&condition_, 150, true);
  waiters_->ForgetAllInChild();
  EXPECT_FALSE(waiters_->MayHaveWaiters(&lock_));
  EXPECT_FALSE(waiters_->MayHaveWoken(&lock_));
  waiters_->Leave(&lock_, since);
  waiters_->LeaveCondition(&condition_, &lock_);
  EXPECT_FALSE(waiters_->MayHaveWaiters(&lock_));
}

TEST_F(WaitersTest, ManyThreadsLeaveItEmpty) {
  std::vector<std::thread> threads;
  int locks[4];
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 1; i <= 5000; ++i) {
        int* lock = &locks[(i + static_cast<uint64_t>(t)) % 4];
        const uint64_t since = waiters_->Enter(lock, i);
        waiters_->TakeWaited(lock, i + 1);
        const bool in = waiters_->EnterCondition(&condition_, &lock_);
        waiters_->Wake(&condition_, i + 2, i % 2 == 0);
        if (in) waiters_->LeaveCondition(&condition_, &lock_);
        waiters_->Leave(lock, since);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int& lock : locks) EXPECT_FALSE(waiters_->MayHaveWaiters(&lock));
  EXPECT_FALSE(waiters_->MayHaveWaiters(&condition_));
  EXPECT_FALSE(waiters_->MayHaveWaiters(&lock_));
}

}  // namespace
}  // namespace heapprof
