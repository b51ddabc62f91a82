// SPDX-License-Identifier: Apache-2.0
#include "base/lock/lock_rank.h"

#include <gtest/gtest.h>

#include "base/lock/owner_lock.h"
#include "base/lock/spinlock.h"

namespace heapprof {
namespace {

// Zeroed storage is a free lock, and a table with one takes no room in the library's file.
static_assert(sizeof(SpinLock<LockRank::kLiveShard>) == sizeof(uint32_t));
static_assert(sizeof(OwnerLock<LockRank::kDump>) == sizeof(int));

TEST(LockRankTest, LocksInOrderAreTakenAndGivenBackInAnyOrder) {
  SpinLock<LockRank::kLabels> labels;
  SpinLock<LockRank::kLiveShard> shard;
  OwnerLock<LockRank::kDump> dump;
  for (int round = 0; round < 2; ++round) {
    labels.Lock();
    shard.Lock();
    dump.Lock();
    EXPECT_FALSE(labels.TryLock() || shard.TryLock() || dump.TryLock());
    labels.Unlock();
    dump.Unlock();
    shard.Unlock();
  }
}

#ifndef NDEBUG
TEST(LockRankDeathTest, ALockOutOfOrderIsNamedWithTheOneAboveIt) {
  SpinLock<LockRank::kStackInsert> insert;
  SpinLock<LockRank::kLiveShard> shard;
  OwnerLock<LockRank::kDump> dump, other_dump;
  {
    SpinLockHolder hold(&shard);
    EXPECT_DEATH(insert.Lock(), "out of the order of ranks: stack insert under live shard");
  }
  dump.Lock();
  EXPECT_DEATH(shard.Lock(), "out of the order of ranks: live shard under dump");
  EXPECT_DEATH(shard.LockIfThreaded(), "out of the order of ranks: live shard under dump");
  EXPECT_DEATH(other_dump.Lock(), "out of the order of ranks: dump under dump");
  dump.Unlock();
  shard.Lock();
  shard.Unlock();
}

TEST(LockRankDeathTest, ProfilesTakeTheStopOfThreadsAndTheWatcherBelowThem) {
  SpinLock<LockRank::kGrowth> growth;
  OwnerLock<LockRank::kDump> dump;
  OwnerLock<LockRank::kCpuProfile> cpu;
  OwnerLock<LockRank::kWallProfile> wall;
  OwnerLock<LockRank::kStop> stop;
  OwnerLock<LockRank::kWallWatcher> watcher;
  dump.Lock();
  stop.Lock();  // a dump of the threads
  EXPECT_DEATH(dump.Lock(), "out of the order of ranks: dump under stop");
  EXPECT_DEATH(growth.Lock(), "out of the order of ranks: growth under stop");
  stop.Unlock();
  dump.Unlock();
  wall.Lock();
  watcher.Lock();
  EXPECT_DEATH(cpu.Lock(), "out of the order of ranks: CPU profile under wall watcher");
  EXPECT_DEATH(stop.Lock(), "out of the order of ranks: stop under wall watcher");
  watcher.Unlock();
  EXPECT_DEATH(dump.Lock(), "out of the order of ranks: dump under wall profile");
  wall.Unlock();
}

// A handler forks: it takes what the interrupted code has not, whatever that has.
TEST(LockRankDeathTest, AForkTakesLocksInAnyOrderAndTheyAreHeldUntilItIsOver) {
  SpinLock<LockRank::kStackInsert> insert;
  SpinLock<LockRank::kLiveShard> shard;
  OwnerLock<LockRank::kArenaReset> reset;
  shard.Lock();
  EXPECT_TRUE(reset.LockForFork() && insert.LockForFork() && shard.LockForFork());
  shard.UnlockAfterFork(false);
  insert.UnlockAfterFork(false);
  EXPECT_DEATH(insert.Lock(), "stack insert under live shard") << "it is the interrupted code's still";
  shard.Unlock();
  EXPECT_DEATH(reset.Lock(), "arena reset under arena reset");
  reset.ResetAfterFork();  // in a child
  reset.Lock();
  insert.Lock();
  insert.Unlock();
  reset.Unlock();
}
#endif

}  // namespace
}  // namespace heapprof
