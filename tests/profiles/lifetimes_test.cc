// SPDX-License-Identifier: Apache-2.0
// Blocks with lifetimes that are known, in simulated time, from the recorder to the values of the profile
// "lifetimes". Each run has a thread, and so a stream of random numbers, and a size of block of its own.
#include <gtest/gtest.h>
#include <time.h>

#include <cmath>
#include <functional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/options.h"
#include "base/system/coarse_clock.h"
#include "profiles/write/lifetime_values.h"
#include "sampling/heap/heap_tables.h"
#include "sampling/recorder.h"

namespace heapprof {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int kClasses = HeapLifetimes::kClasses;

int64_t g_now = 1'000'000'000'000;
int SimulatedClock(clockid_t, timespec* now) {
  *now = {g_now / 1'000'000'000, g_now % 1'000'000'000};
  return 0;
}

uintptr_t g_next = uintptr_t{1} << 40;

// What the fast path does, at made-up addresses.
__attribute__((noinline)) uintptr_t Allocate(size_t size, uintptr_t block = g_next += 1 << 16) {
  const uint64_t before = t_countdown.countdown;
  t_countdown.countdown = before - size;
  if (before > size && IsDrawnOfPresentInterval(t_countdown)) return block;
  if (const uint64_t interval = recorder::Decide(size))
    recorder::RecordAllocation(reinterpret_cast<void*>(block), size, interval, HEAPPROF_CALLER_FRAME());
  return block;
}
void Free(uintptr_t block) { recorder::RecordFree(reinterpret_cast<void*>(block)); }

// Blocks by class: what was freed, of these the temporary ones, and what lives; and the sum of their ages,
// ns.
struct Histogram {
  double freed[kClasses] = {}, temporary[kClasses] = {}, live[kClasses] = {}, age = 0;

  std::vector<double> Values() const {
    std::vector<double> all;
    for (const auto& values : {freed, temporary, live}) all.insert(all.end(), values, values + kClasses);
    all.push_back(age);
    return all;
  }
};

Histogram Estimated(size_t size) {
  LiveAges ages;
  EXPECT_EQ(ages.Read(LiveSamples(), HeapBuckets().count(), FineMonotonicNanos()), 0);
  const LifetimeCounts counts = {&LifetimesOfHeap(), &ages};
  Histogram out;
  for (uint32_t id = 1; id <= HeapBuckets().count(); ++id) {
    const Bucket& bucket = *HeapBuckets().At(id);
    if (bucket.size != size) continue;
    for (const LifetimeSample& sample : SamplesOf(counts, id, bucket)) {
      const auto objects = static_cast<double>(sample.objects);
      (sample.live ? out.live : out.freed)[sample.of_class] += objects;
      if (sample.temporary) out.temporary[sample.of_class] += objects;
      if (sample.live) out.age += objects * static_cast<double>(sample.mean_age);
    }
  }
  return out;
}

// A lifetime in ns; negative: freed at once, before the next one; kForever: never freed.
constexpr int64_t kForever = INT64_MAX;
using Draw = std::function<int64_t(std::mt19937_64*)>;

// A block each 0.1 ms. The truth.
Histogram Live(const Draw& draw, size_t size, unsigned seed, int blocks) {
  std::mt19937_64 random(seed);
  Histogram truth;
  using Death = std::pair<int64_t, std::pair<uintptr_t, int64_t>>;  // when, what, born when
  std::priority_queue<Death, std::vector<Death>, std::greater<>> deaths;
  std::vector<int64_t> births;  // of those that live on
  const auto die = [&](uintptr_t block, int64_t birth, bool temporary) {
    Free(block);
    const int c = HeapLifetimes::ClassOf(g_now - birth);
    ++truth.freed[c];
    if (temporary) ++truth.temporary[c];
  };
  uintptr_t newest = 0;
  for (int i = 0; i < blocks; ++i) {
    const int64_t next = g_now + kMillisecond / 10;
    while (!deaths.empty() && deaths.top().first <= next) {
      const Death death = deaths.top();
      deaths.pop();
      g_now = death.first;
      die(death.second.first, death.second.second, death.second.first == newest);
    }
    g_now = next;
    const int64_t lifetime = draw(&random);
    newest = Allocate(size);
    if (lifetime == kForever) {
      births.push_back(g_now);
    } else if (lifetime < 0) {
      die(newest, g_now, true);
    } else {
      deaths.push({g_now + lifetime, {newest, g_now}});
    }
  }
  for (; !deaths.empty(); deaths.pop()) births.push_back(deaths.top().second.second);
  for (int64_t birth : births) {
    ++truth.live[HeapLifetimes::ClassOf(g_now - birth)];
    truth.age += static_cast<double>(g_now - birth);
  }
  return truth;
}

class LifetimesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    SetVdsoClock(SimulatedClock);
    InitOptions("lifetimes=1,seed=5", nullptr, false);
    recorder::Start();
  }
  void TearDown() override { recorder::SetInterval(0); }

  // Of 200 runs at an interval: the mean of the errors against its standard error, of each value.
  static void ExpectUnbiased(const Draw& draw, size_t first_size) {
    constexpr unsigned kRuns = 200;
    recorder::SetInterval(64 << 10);
    std::vector<double> sums, squares;
    for (unsigned seed = 1; seed <= kRuns; ++seed) {
      std::thread([&] {
        const size_t size = first_size + seed;
        const std::vector<double> truth = Live(draw, size, seed, 4000).Values();
        const std::vector<double> estimated = Estimated(size).Values();
        sums.resize(truth.size());
        squares.resize(truth.size());
        for (size_t i = 0; i < truth.size(); ++i) {
          const double error = estimated[i] - truth[i];
          sums[i] += error;
          squares[i] += error * error;
        }
      }).join();
    }
    int scattered = 0;
    for (size_t i = 0; i < sums.size(); ++i) {
      const double mean = sums[i] / kRuns, variance = squares[i] / kRuns - mean * mean;
      EXPECT_LE(std::abs(mean), 3 * std::sqrt(variance / kRuns)) << "value " << i;
      scattered += variance > 0;
    }
    EXPECT_GE(scattered, 4) << "there is something to be right about";
  }

  static void ExpectExact(const Draw& draw, size_t size) {
    recorder::SetInterval(1);
    const std::vector<double> truth = Live(draw, size, 3, 4000).Values();
    const std::vector<double> estimated = Estimated(size).Values();
    for (size_t i = 0; i + 1 < truth.size(); ++i) EXPECT_EQ(estimated[i], truth[i]) << i;
    // A mean is whole nanoseconds.
    EXPECT_NEAR(estimated.back(), truth.back(), 4000);
  }
};

int64_t Uniform(std::mt19937_64* random) { return static_cast<int64_t>((*random)() % (20 * kMillisecond)); }
int64_t Bimodal(std::mt19937_64* random) {
  return ((*random)() % 10 == 0 ? 150 : 0) * kMillisecond + kMillisecond / 2;
}
int64_t NeverFreed(std::mt19937_64*) { return kForever; }
int64_t MostlyTemporary(std::mt19937_64* random) {
  const uint64_t kind = (*random)() % 10;
  // 50 us: before the next, without another between; 150 us: after it.
  return kind < 6 ? -1 : kind < 8 ? kMillisecond / 20 : kind < 9 ? kMillisecond * 3 / 20 : 50 * kMillisecond;
}

TEST_F(LifetimesTest, UniformOnesAreUnbiased) { ExpectUnbiased(Uniform, 2000); }
TEST_F(LifetimesTest, BimodalOnesAreUnbiased) { ExpectUnbiased(Bimodal, 3000); }
TEST_F(LifetimesTest, BlocksThatAreNeverFreedAreToldApartAndAsOldAsTheyAre) {
  ExpectUnbiased(NeverFreed, 4000);
}
TEST_F(LifetimesTest, TemporaryOnesAreUnbiased) { ExpectUnbiased(MostlyTemporary, 5000); }
TEST_F(LifetimesTest, AtIntervalOneAllAreExact) {
  ExpectExact(Uniform, 101);
  ExpectExact(Bimodal, 102);
  ExpectExact(NeverFreed, 103);
  ExpectExact(MostlyTemporary, 104);
}

TEST_F(LifetimesTest, WhatAnotherThreadFreesIsNotTemporaryNorIsItsOwnBlockAtTheSameAddress) {
  recorder::SetInterval(1);
  constexpr size_t kSize = 111;
  const uintptr_t block = Allocate(kSize);  // the newest of this thread
  std::thread([&] {
    Free(block);
    ++g_now;
    Allocate(kSize, block);
  }).join();
  ++g_now;
  Free(block);  // of the other thread, though it lies where the newest of this one lay
  Histogram seen = Estimated(kSize);
  EXPECT_EQ(seen.freed[0], 2);
  EXPECT_EQ(seen.temporary[0], 0);
  Free(Allocate(kSize));
  EXPECT_EQ(Estimated(kSize).temporary[0], 1);
}

TEST_F(LifetimesTest, ABlockThatIsReplacedAtItsAddressHasLivedUntilThen) {
  recorder::SetInterval(1);
  constexpr size_t kSize = 112;
  const uintptr_t block = Allocate(kSize);
  g_now += 5 * kMillisecond;
  Allocate(kSize, block);  // as realloc does in place
  const Histogram seen = Estimated(kSize);
  EXPECT_EQ(seen.freed[1], 1);
  EXPECT_EQ(seen.temporary[1], 0);
  EXPECT_EQ(seen.live[0], 1);
}

TEST_F(LifetimesTest, AllThatWasAllocatedIsFreedOrLives) {
  uint64_t allocations = 0, frees = 0;
  for (uint32_t id = 1; id <= HeapBuckets().count(); ++id) {
    const Bucket& bucket = *HeapBuckets().At(id);
    HeapLifetimes::Freed freed;
    if (LifetimesOfHeap().Read(id, &freed)) {
      for (const auto& of_class : freed.count) frees += of_class[0] + of_class[1];
    }
    allocations += bucket.allocations;
  }
  EXPECT_EQ(allocations, frees + LiveSamples().Count());
}

}  // namespace
}  // namespace heapprof
