// SPDX-License-Identifier: Apache-2.0
#include "base/lock/spinlock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace heapprof {
namespace {

TEST(SpinLockTest, WhatWasLockedAloneIsGivenBackToAThreadThatWaits) {
  if (!IsOnlyThread()) GTEST_SKIP() << "there were threads before: a test's, or the sanitizer's own";
  SpinLock<LockRank::kLiveShard> lock;
  lock.LockIfThreaded();
  EXPECT_FALSE(lock.TryLock());
  std::atomic<bool> released{false}, early{false};
  std::thread waits([&] {
    EXPECT_FALSE(IsOnlyThread());
    lock.LockIfThreaded();
    if (!released.load(std::memory_order_relaxed)) early.store(true, std::memory_order_relaxed);
    lock.UnlockIfThreaded();
  });
  EXPECT_FALSE(IsOnlyThread());
  released.store(true, std::memory_order_relaxed);
  lock.UnlockIfThreaded();
  waits.join();
  EXPECT_FALSE(early);
  EXPECT_TRUE(lock.TryLock());
  lock.Unlock();
}

TEST(SpinLockTest, OneThreadAtATimeIsInside) {
  constexpr int kThreads = 4, kRounds = 50000;
  SpinLock<LockRank::kLiveShard> lock;
  int inside = 0;
  std::atomic<uint64_t> counted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        SpinLockHolderIfThreaded hold(&lock);
        ++inside;
        CountUp(&counted);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(inside, kThreads * kRounds);
  EXPECT_EQ(counted, uint64_t{kThreads} * kRounds);
}

TEST(SpinLockTest, AForkLeavesALockToTheCodeThatAHandlerInterrupted) {
  SpinLock<LockRank::kLiveShard> lock;
  lock.Lock();
  EXPECT_TRUE(lock.LockForFork());  // as in a handler
  lock.UnlockAfterFork(false);
  EXPECT_FALSE(lock.TryLock()) << "it is still the interrupted code's";
  lock.UnlockAfterFork(true);
  EXPECT_FALSE(lock.TryLock()) << "in a child too";
  lock.Unlock();
  EXPECT_TRUE(lock.TryLock());
  lock.Unlock();
}

TEST(SpinLockTest, AForkTakesAFreeLockAndGivesItBack) {
  SpinLock<LockRank::kLiveShard> lock;
  for (bool in_child : {false, true}) {
    EXPECT_TRUE(lock.LockForFork());
    EXPECT_FALSE(lock.TryLock());
    lock.UnlockAfterFork(in_child);
    EXPECT_TRUE(lock.TryLock());
    lock.Unlock();
  }
}

TEST(SpinLockTest, AForkDoesNotWaitForEverForAnotherThread) {
  SpinLock<LockRank::kLiveShard> lock;
  std::thread([&] { lock.Lock(); }).join();  // and ends with it
  EXPECT_FALSE(lock.LockForFork());
  lock.UnlockAfterFork(false);
  EXPECT_FALSE(lock.TryLock()) << "it is another's, not to be given back";
  lock.UnlockAfterFork(true);
  EXPECT_TRUE(lock.TryLock()) << "in a copy of the process nobody has it";
  lock.Unlock();
}

TEST(SpinLockTest, WhoeverWaitsForAForkGoesOnAfterIt) {
  SpinLock<LockRank::kLiveShard> lock;
  std::atomic<int> inside{0};
  for (int round = 0; round < 200; ++round) {
    ASSERT_TRUE(lock.LockForFork());
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        SpinLockHolder hold(&lock);
        inside.fetch_add(1, std::memory_order_relaxed);
      });
    }
    lock.UnlockAfterFork(false);
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(inside, 600);
}

}  // namespace
}  // namespace heapprof
