// SPDX-License-Identifier: Apache-2.0
#include "sampling/contention/own_waits.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace heapprof {
namespace {

// Stacks grow downwards: kInner's frame lies deeper than kOuter's. Each call has a place in the code of its
// own.
constexpr uintptr_t kInner = 0x7000, kMiddle = 0x7500, kOuter = 0x8000;

bool g_in_handler = true;  // what a walk of the stack would find

class OwnWaitsTest : public testing::Test {
 protected:
  static bool IsHandlers(const CallerFrame&) { return g_in_handler; }
  OwnWaits::Wait* Enter(const void* lock, uint64_t now, uintptr_t sp) {
    return own_.EnterLock(waiters_.get(), lock, now, {0, sp, 0}, IsHandlers);
  }
  OwnWaits::Wait* EnterCondition(uintptr_t sp) {
    return own_.EnterCondition(waiters_.get(), &condition_, &lock_, {0, sp, 0}, IsHandlers);
  }
  void Leave(OwnWaits::Wait* wait, uintptr_t sp) { OwnWaits::Leave(waiters_.get(), wait, sp); }
  void TearDown() override { g_in_handler = true; }

  std::unique_ptr<Waiters> waiters_ = std::make_unique<Waiters>();
  OwnWaits own_ = {};
  int lock_ = 0, other_ = 0, condition_ = 0;
};

TEST_F(OwnWaitsTest, WhoWaitsIsInTheTableUntilItLeaves) {
  OwnWaits::Wait* wait = Enter(&lock_, 100, kOuter);
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 150), 50u);
  Leave(wait, kOuter);
  EXPECT_FALSE(waiters_->MayHaveWaiters(&lock_));
}

// The handler may wait for the same lock, and for others.
TEST_F(OwnWaitsTest, WhoWaitsInAHandlerLeavesInTheWaitThatItHasInterrupted) {
  OwnWaits::Wait* outer = Enter(&lock_, 100, kOuter);
  for (int i = 0; i < 3; ++i) {
    OwnWaits::Wait* inner = Enter(i == 1 ? &lock_ : &other_, 200, kInner);
    Leave(inner, kInner);
  }
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 300), 200u);
  Leave(outer, kOuter);
  EXPECT_FALSE(waiters_->MayHaveWaiters(&lock_));
}

TEST_F(OwnWaitsTest, AWaitThatWasLeftByAJumpIsTakenOutByTheNext) {
  for (const uintptr_t next : {kMiddle, kOuter}) {
    Enter(&lock_, 100, kMiddle);  // nobody comes back
    OwnWaits::Wait* wait = Enter(&other_, 200, next);
    EXPECT_FALSE(waiters_->MayHaveWaiters(&lock_));
    EXPECT_EQ(waiters_->TakeWaited(&other_, 250), 50u);
    Leave(wait, next);
    EXPECT_FALSE(waiters_->MayHaveWaiters(&other_));
  }
}

TEST_F(OwnWaitsTest, ByADeeperOneTooThatIsInNoHandler) {
  Enter(&lock_, 100, kOuter);
  g_in_handler = false;
  OwnWaits::Wait* wait = Enter(&other_, 200, kInner);
  EXPECT_FALSE(waiters_->MayHaveWaiters(&lock_));
  EXPECT_TRUE(waiters_->MayHaveWaiters(&other_));
  Leave(wait, kInner);
}

TEST_F(OwnWaitsTest, SoIsAWaitForACondition) {
  ASSERT_NE(EnterCondition(kInner), nullptr);
  waiters_->Wake(&condition_, 100, true);
  EXPECT_TRUE(waiters_->MayHaveWoken(&lock_));
  OwnWaits::Wait* wait = EnterCondition(kOuter);
  EXPECT_FALSE(waiters_->MayHaveWoken(&lock_));
  EXPECT_EQ(waiters_->TakeWaited(&lock_, 300), 0u);
  Leave(wait, kOuter);
  EXPECT_FALSE(waiters_->MayHaveWaiters(&condition_));
}

// On stacks that lie elsewhere: as many as there are notes.
TEST_F(OwnWaitsTest, OfThoseThatAreNotSeenToBeGoneAFewAreKept) {
  int locks[OwnWaits::kMost + 1];
  uintptr_t frame = kOuter;
  OwnWaits::Wait* waits[OwnWaits::kMost + 1];
  for (size_t i = 0; i <= OwnWaits::kMost; ++i) waits[i] = Enter(&locks[i], 100, frame -= 64);
  EXPECT_FALSE(waiters_->MayHaveWaiters(&locks[0]));
  for (size_t i = 1; i <= OwnWaits::kMost; ++i) EXPECT_TRUE(waiters_->MayHaveWaiters(&locks[i])) << i;
  // Nobody's else is left when the first one comes back.
  Leave(waits[0], kOuter - 64);
  for (size_t i = 1; i <= OwnWaits::kMost; ++i) EXPECT_TRUE(waiters_->MayHaveWaiters(&locks[i])) << i;
  for (size_t i = OwnWaits::kMost; i > 0; --i) Leave(waits[i], frame), frame += 64;
  for (const int& lock : locks) EXPECT_FALSE(waiters_->MayHaveWaiters(&lock));
}

TEST_F(OwnWaitsTest, WithoutRoomThereIsNothingToLeave) {
  std::vector<char> locks(Waiters::kShards * 100);
  for (const char& lock : locks) waiters_->Enter(&lock, 5);
  OwnWaits::Wait* wait = Enter(&lock_, 100, kOuter);
  EXPECT_EQ(wait, nullptr);
  Leave(wait, kOuter);
  EXPECT_EQ(EnterCondition(kInner), nullptr);
}

TEST_F(OwnWaitsTest, AChildLeavesNothing) {
  OwnWaits::Wait* wait = Enter(&lock_, 100, kOuter);
  own_.ForgetAllInChild();
  Leave(wait, kOuter);
  EXPECT_TRUE(waiters_->MayHaveWaiters(&lock_));
}

}  // namespace
}  // namespace heapprof
