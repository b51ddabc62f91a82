// SPDX-License-Identifier: Apache-2.0
#include "sampling/wall/watched_threads.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/hash.h"
#include "sampling/wall/wall_session.h"

namespace heapprof::wall {
namespace {

class WatchedThreadsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(threads_.Init(64)); }
  void TearDown() override { threads_.Free(); }
  WatchedThreads threads_ = {};
};

TEST_F(WatchedThreadsTest, PlacesAreUsedAgain) {
  std::set<int> tids;
  for (int round = 0; round < 3; ++round) {
    for (int tid = 1; tid <= 64; ++tid) ASSERT_NE(threads_.Add(tid + round * 4096, 0), nullptr);
    EXPECT_EQ(threads_.Add(9999, 0), nullptr);
    EXPECT_EQ(threads_.count(), 64u);
    // 4096 apart: of one chain.
    EXPECT_EQ(threads_.Find(1 + round * 4096)->tid, 1 + round * 4096);
    EXPECT_EQ(threads_.Find(1 + (round + 1) * 4096), nullptr);
    threads_.ForEach([&](WatchedThread* thread) { threads_.Remove(thread); });
    EXPECT_EQ(threads_.count(), 0u);
    threads_.ForEachDue(UINT64_MAX - 1, [](WatchedThread*) { ADD_FAILURE(); });
  }
}

TEST_F(WatchedThreadsTest, IdleThreadsAreLookedAtSeldom) {
  WatchedThread* thread = threads_.Add(7, 0);
  int looks = 0;
  for (uint64_t n = 1; n <= 10'000; ++n) {
    threads_.ForEachDue(n, [&](WatchedThread* due) {
      ++looks;
      EXPECT_EQ(due, thread);
      EXPECT_LE(n, due->until);
      WatchedThreads::TakeTicks(due, n);
      threads_.SetNextLook(due, n == 1);
      EXPECT_LE(due->until, due->charged + WatchedThreads::kLongest);
    });
  }
  // A quarter of the idle time at first, then once in each 32 ticks.
  EXPECT_LT(looks, 10'000 / 32 + 40);
  EXPECT_GT(looks, 10'000 / 32);
  // One that moves is looked at each tick.
  WatchedThreads::TakeTicks(thread, 20'000);
  threads_.SetNextLook(thread, true);
  EXPECT_EQ(threads_.next_look(thread), thread->charged + 1);
  EXPECT_EQ(thread->until, thread->charged + 1);
  // Of a block that it does not see the end of.
  thread->charged = 30'031;
  EXPECT_EQ(WatchedThreads::TakeLast(thread, 30'000), -31);
}

// A thread alternates between two places, in steps that know nothing of the looks: each has its share of the
// ticks, in the mean, however seldom the looks are.
TEST_F(WatchedThreadsTest, TicksAreToldOfWithTheRightProbability) {
  double errors = 0, squares = 0, truths = 0;
  constexpr int kRuns = 400;
  for (int run = 0; run < kRuns; ++run) {
    WatchedThreads threads = {};
    ASSERT_TRUE(threads.Init(4));
    WatchedThread* thread = threads.Add(1 + run, 0);
    uint64_t random = static_cast<uint64_t>(run), in_second = 0, step_ends = 0, seen_step = 0, step = 0;
    uint64_t truth = 0;
    constexpr uint64_t kTicks = 2000;
    for (uint64_t n = 1; n <= kTicks; ++n) {
      // Idle for 60 ticks or so in the first place, then 6 in the second.
      while (n >= step_ends) {
        random = MixBits(random + kGoldenRatio);
        ++step;
        step_ends = n + 1 + random % (step % 2 == 1 ? 119 : 11);
      }
      truth += step % 2 == 0 ? 1 : 0;
      threads.ForEachDue(n, [&](WatchedThread* due) {
        const uint64_t ticks = WatchedThreads::TakeTicks(due, n);
        if (step % 2 == 0) in_second += ticks;
        threads.SetNextLook(due, step != seen_step);
        seen_step = step;
      });
    }
    const auto error = static_cast<double>(in_second) - static_cast<double>(truth);
    errors += error;
    squares += error * error;
    truths += static_cast<double>(truth);
    EXPECT_GE(thread->charged, kTicks - WatchedThreads::kLongest);
    threads.Free();
  }
  EXPECT_NEAR(truths / kRuns, 2000 * 6.0 / 66, 20);
  EXPECT_NEAR(errors / kRuns, 0, 4 * std::sqrt(squares / kRuns / kRuns));
  EXPECT_LT(std::sqrt(squares / kRuns), 0.35 * truths / kRuns);
}

TEST(BornThreadsTest, AllAreTakenOnce) {
  static BornThreads born = {};
  std::set<int> seen;
  for (int tid = 1; tid <= 200; ++tid) born.Add(tid);
  EXPECT_TRUE(born.Take([&](int tid) { EXPECT_TRUE(seen.insert(tid).second); }));
  EXPECT_EQ(seen.size(), 200u);
  EXPECT_TRUE(born.Take([](int) { ADD_FAILURE(); }));
  for (int tid = 1; tid <= 300; ++tid) born.Add(tid);
  EXPECT_FALSE(born.Take([](int) {}));  // the list of all has them
  EXPECT_TRUE(born.Take([](int) { ADD_FAILURE(); }));
}

TEST(CountsGateTest, TheWatcherStaysOutWhileItIsClosed) {
  static CountsGate gate = {};
  ASSERT_TRUE(gate.Enter());
  EXPECT_TRUE(gate.IsInside());
  gate.Leave();
  gate.Close();
  EXPECT_FALSE(gate.Enter());
  EXPECT_FALSE(gate.IsInside());
  gate.Open();
  EXPECT_TRUE(gate.Enter());
  gate.Leave();
}

}  // namespace
}  // namespace heapprof::wall
