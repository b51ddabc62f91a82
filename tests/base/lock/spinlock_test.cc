#include "base/lock/spinlock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace heapprof {
namespace {

TEST(SpinLockTest, WhatWasLockedAloneIsGivenBackToAThreadThatWaits) {
  if (!IsOnlyThread()) GTEST_SKIP() << "there were threads before: a test's, or the sanitizer's own";
  SpinLock lock(LockRank::kLiveShard);
  lock.LockAmongThreads();
  EXPECT_FALSE(lock.TryLock());
  std::atomic<bool> released{false}, early{false};
  std::thread waits([&] {
    EXPECT_FALSE(IsOnlyThread());
    lock.LockAmongThreads();
    if (!released.load(std::memory_order_relaxed)) early.store(true, std::memory_order_relaxed);
    lock.UnlockAmongThreads();
  });
  EXPECT_FALSE(IsOnlyThread());
  released.store(true, std::memory_order_relaxed);
  lock.UnlockAmongThreads();
  waits.join();
  EXPECT_FALSE(early);
  EXPECT_TRUE(lock.TryLock());
  lock.Unlock();
}

TEST(SpinLockTest, OneThreadAtATimeIsInside) {
  constexpr int kThreads = 4, kRounds = 50000;
  SpinLock lock(LockRank::kLiveShard);
  int inside = 0;
  std::atomic<uint64_t> counted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        HolderAmongThreads hold(&lock);
        ++inside;
        CountUp(&counted);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(inside, kThreads * kRounds);
  EXPECT_EQ(counted, uint64_t{kThreads} * kRounds);
}

}  // namespace
}  // namespace heapprof
