// SPDX-License-Identifier: Apache-2.0
#include "sampling/recorder.h"

#include <gtest/gtest.h>
#include <math.h>
#include <stdlib.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/options.h"
#include "sampling/heap/heap_tables.h"
#include "sampling/heap/sample_filter.h"

namespace heapprof {
namespace {

// What the fast path does, in C++. `between` runs between the load and the store, where another thread or a
// handler may come in.
template <typename Between>
bool CountDown(size_t size, Between between) {
  uint64_t before = t_countdown.countdown;
  between();
  t_countdown.countdown = before - size;
  return before <= size || !IsDrawnOfPresentInterval(t_countdown);
}
bool CountDown(size_t size) {
  return CountDown(size, [] {});
}

// An allocation of `size` bytes at the made-up address `block`. True: it became a sample.
__attribute__((noinline)) bool Allocate(uintptr_t block, size_t size) {
  if (!CountDown(size)) return false;
  uint64_t interval = recorder::Decide(size);
  if (interval == 0) return false;
  recorder::RecordAllocation(reinterpret_cast<void*>(block), size, interval, HEAPPROF_CALLER_FRAME());
  return true;
}

struct Totals {
  uint64_t allocations = 0, frees = 0;
  double estimated_allocations = 0;
};

Totals TotalsOfSize(uint64_t size) {
  Totals totals;
  for (uint32_t id = 1; id <= HeapBuckets().count(); ++id) {
    const Bucket* bucket = HeapBuckets().At(id);
    if (bucket->size != size) continue;
    totals.frees += bucket->frees.load();
    uint64_t n = bucket->allocations.load();
    totals.allocations += n;
    double p = bucket->interval == 1
                   ? 1
                   : -expm1(-static_cast<double>(size) / static_cast<double>(bucket->interval));
    totals.estimated_allocations += static_cast<double>(n) / p;
  }
  return totals;
}

class RecorderTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    InitOptions("seed=11", nullptr, false);
    recorder::Start();
  }
  void TearDown() override { recorder::SetInterval(0); }
};

TEST_F(RecorderTest, AtIntervalOneEveryAllocationAndFreeIsCounted) {
  recorder::SetInterval(1);
  for (uintptr_t i = 0; i < 1000; ++i) ASSERT_TRUE(Allocate(0x100000 + i * 16, 1000077));
  for (uintptr_t i = 0; i < 400; ++i)
    ASSERT_TRUE(recorder::RecordFree(reinterpret_cast<void*>(0x100000 + i * 16)));
  EXPECT_FALSE(recorder::RecordFree(reinterpret_cast<void*>(0x100000)));
  Totals totals = TotalsOfSize(1000077);
  EXPECT_EQ(totals.allocations, 1000u);
  EXPECT_EQ(totals.frees, 400u);
  recorder::Sample sample = {};
  EXPECT_TRUE(recorder::IsSample(reinterpret_cast<void*>(0x100000 + 400 * 16), &sample));
  EXPECT_EQ(sample.size, 1000077u);
  EXPECT_EQ(sample.interval, 1u);
}

TEST_F(RecorderTest, SizeZeroIsCountedAtIntervalOne) {
  recorder::SetInterval(1);
  EXPECT_TRUE(Allocate(0x900000, 0));
  EXPECT_TRUE(recorder::RecordFree(reinterpret_cast<void*>(0x900000)));
}

TEST_F(RecorderTest, WithIntervalZeroNothingIsSampled) {
  recorder::SetInterval(0);
  for (int i = 0; i < 100000; ++i) ASSERT_FALSE(Allocate(0x200000, 1 << 20));
  ASSERT_FALSE(Allocate(0x200000, SIZE_MAX));
  ASSERT_FALSE(Allocate(0x200000, SIZE_MAX / 2 + 1));
}

TEST_F(RecorderTest, AnAbsurdSizeDoesNotStopSampling) {
  recorder::SetInterval(4096);
  for (size_t absurd : {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 4}) {
    ASSERT_TRUE(CountDown(absurd));
    if (recorder::Decide(absurd) != 0) recorder::Forget();
  }
  int samples = 0;
  for (uintptr_t i = 0; i < 10000; ++i) samples += Allocate(0x40000000 + i * 4096, 4096);
  EXPECT_NEAR(samples, 10000 * -expm1(-1.0), 5 * sqrt(10000 * 0.63 * 0.37));
}

TEST_F(RecorderTest, AnIntervalThatChangesInTheMiddleKeepsTheEstimateUnbiased) {
  // 200 rounds that each change R between blocks; the mean of the estimates against the truth.
  constexpr int kRounds = 200, kBlocks = 2000;
  double before = TotalsOfSize(333).estimated_allocations;
  uintptr_t block = uintptr_t{1} << 41;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kBlocks; ++i) {
      if (i % 500 == 0) recorder::SetInterval(i % 1000 == 0 ? 2048 : 16384);
      Allocate(block += 4096, 333);
    }
  }
  double estimate = TotalsOfSize(333).estimated_allocations - before;
  double truth = kRounds * kBlocks;
  // Variance n(1-p)/p of each half.
  auto variance = [&](double r) {
    double p = -expm1(-333 / r);
    return truth / 2 * (1 - p) / p;
  };
  EXPECT_NEAR(estimate, truth, 3 * sqrt(variance(2048) + variance(16384)));
}

TEST_F(RecorderTest, ANewIntervalReachesEveryThreadAtOnce) {
  recorder::SetInterval(uint64_t{1} << 40);  // no thread will sample for a long time
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::atomic<int> samples{0};
  std::vector<std::thread> threads;
  for (uintptr_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Allocate(0x50000000 + t * 65536, 8);  // sets the thread up
      ++ready;
      while (!go.load()) {
      }
      for (uintptr_t i = 1; i <= 100; ++i) samples += Allocate(0x50000000 + t * 65536 + i * 16, 8);
    });
  }
  while (ready.load() < 4) {
  }
  recorder::SetInterval(1);
  go.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(samples, 400);
}

TEST_F(RecorderTest, AChangeInTheMiddleOfACountDownIsNotLost) {
  recorder::SetInterval(uint64_t{1} << 40);
  Allocate(0x51000000, 8);
  std::thread other;
  // The allocation that is under way may end under either interval, the next may not.
  if (CountDown(8, [&] {
        other = std::thread([] { recorder::SetInterval(1); });
        other.join();
      })) {
    if (recorder::Decide(8) != 0) recorder::Forget();
  }
  EXPECT_TRUE(Allocate(0x51000010, 8));
}

TEST_F(RecorderTest, AThreadThatMissedAnyNumberOfChangesHasTheLast) {
  constexpr uintptr_t kBlock = 0x52000000;
  // 65,535 and 65,536 are where a count of 16 bits would come round.
  for (int changes : {1, 2, 65535, 65536, 131070}) {
    recorder::SetInterval(uint64_t{1} << 40);
    Allocate(kBlock, 8);
    std::thread other([changes] {
      for (int i = 1; i < changes; ++i) recorder::SetInterval(uint64_t{1} << 41);
      recorder::SetInterval(1);
    });
    other.join();
    uint64_t interval = CountDown(8) ? recorder::Decide(8) : 0;
    EXPECT_EQ(interval, 1u) << changes;
    if (interval != 0) recorder::Forget();
  }
}

TEST_F(RecorderTest, OfTwoThatChangeItAtOnceAllThreadsObeyTheSame) {
  for (int round = 0; round < 500; ++round) {
    std::thread one([] { recorder::SetInterval(1); }), two([] { recorder::SetInterval(0); });
    one.join();
    two.join();
    EXPECT_EQ(Allocate(0x53000000, 8), recorder::Interval() == 1) << round;
  }
}

TEST_F(RecorderTest, ANewThreadBesideAChangeHasTheNewInterval) {
  for (int round = 0; round < 500; ++round) {
    recorder::SetInterval(0);
    std::atomic<bool> changed{false};
    bool sampled = false;
    std::thread fresh([&] {
      Allocate(0x54000000, 8);  // before, during or after the change
      while (!changed.load()) std::this_thread::yield();
      sampled = Allocate(0x54000010, 8);
    });
    recorder::SetInterval(1);
    changed.store(true);
    fresh.join();
    ASSERT_TRUE(sampled) << round;
  }
}

TEST_F(RecorderTest, AlignmentFollowsTheIntervalDownAndNeverUp) {
  recorder::SetInterval(1);
  EXPECT_EQ(recorder::SampleAlignment(), 16u);
  recorder::SetInterval(512 << 10);
  EXPECT_EQ(recorder::SampleAlignment(), 16u);  // blocks sampled at interval 1 must stay findable
}

TEST_F(RecorderTest, ASampleOfAnAddressWhoseFreeWasMissedReplacesIt) {
  recorder::SetInterval(1);
  Totals before = TotalsOfSize(55);
  ASSERT_TRUE(Allocate(0x77000, 55));
  ASSERT_TRUE(Allocate(0x77000, 55));
  Totals after = TotalsOfSize(55);
  EXPECT_EQ(after.allocations - before.allocations, 2u);
  EXPECT_EQ(after.frees - before.frees, 1u);
}

bool FilterHolds(uintptr_t block) { return sample_filter::MayHold(block); }

// Runs in a process of its own, whose mask no other test has made smaller.
void CheckTheFilterAsTheIntervalShrinks() {
  InitOptions("seed=11,sample_interval=4k", nullptr, false);
  recorder::Start();
  constexpr size_t kSurely = 1 << 20;  // of which no block escapes at 4 KiB
  constexpr uintptr_t kBlock = 0x61000040, kPageBlock = 0x61234000, kEarlier = 0x62345640;
  for (uintptr_t block : {kBlock, kPageBlock}) {
    EXPECT_FALSE(FilterHolds(block));
    EXPECT_TRUE(Allocate(block, kSurely));
    EXPECT_TRUE(FilterHolds(block));
    EXPECT_TRUE(Allocate(block, kSurely)) << "a sample whose free was missed is replaced, and counted once";
    EXPECT_TRUE(recorder::RecordFree(reinterpret_cast<void*>(block)));
    EXPECT_FALSE(FilterHolds(block));
    EXPECT_FALSE(recorder::RecordFree(reinterpret_cast<void*>(block)));
    EXPECT_FALSE(FilterHolds(block));
  }
  // What was sampled at a large interval is found at a small one.
  EXPECT_TRUE(Allocate(kEarlier, kSurely));
  EXPECT_TRUE(FilterInUse());
  recorder::SetInterval(2048);
  EXPECT_TRUE(FilterInUse());
  EXPECT_TRUE(FilterHolds(kEarlier));
  recorder::SetInterval(1);
  EXPECT_FALSE(FilterInUse());
  recorder::SetInterval(512 << 10);
  EXPECT_FALSE(FilterInUse()) << "what was sampled meanwhile was not counted";
  exit(testing::Test::HasFailure() ? EXIT_FAILURE : EXIT_SUCCESS);
}

TEST(RecorderFilterTest, KnowsTheLiveSamplesUntilNearlyAllBlocksAreSamples) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(CheckTheFilterAsTheIntervalShrinks(), testing::ExitedWithCode(EXIT_SUCCESS), "");
}

}  // namespace
}  // namespace heapprof
