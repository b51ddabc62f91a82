// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/heap_peak.h"

#include <gtest/gtest.h>
#include <math.h>

#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "sampling/heap/sampler.h"

namespace heapprof {
namespace {

class HeapPeakTest : public testing::Test {
 protected:
  // A bucket of its own stack.
  Bucket* Add(uintptr_t pc, uint64_t size, uint64_t interval) {
    const uint32_t id =
        table_->FindOrAdd({{&pc, 1, Truncation::kNone, pc * 0x9e3779b97f4a7c15}, size, interval, 0});
    return table_->At(id);
  }
  std::map<uint64_t, uint32_t> AtPeak() const {
    std::map<uint64_t, uint32_t> sizes;
    for (uint32_t id = 1; id <= table_->count(); ++id) {
      const Bucket& bucket = *table_->At(id);
      if (uint32_t count = peak_->InUseAtPeak(bucket, peak_->epoch())) sizes[bucket.size] += count;
    }
    return sizes;
  }
  int64_t BytesAtPeak() const {
    int64_t sum = 0;
    for (const auto& [size, count] : AtPeak()) sum += static_cast<int64_t>(size) * count;
    return sum;
  }

  std::unique_ptr<BucketTable> table_ = std::make_unique<BucketTable>();
  std::unique_ptr<HeapPeak> peak_ = std::make_unique<HeapPeak>();
};

using Sizes = std::map<uint64_t, uint32_t>;

TEST_F(HeapPeakTest, IsWhatWasInUseWhenTheSumWasHighest) {
  Bucket *a = Add(1, 100, 1), *b = Add(2, 10, 1);
  EXPECT_EQ(AtPeak(), Sizes{});
  peak_->CountAllocation(a);
  peak_->CountAllocation(b);
  EXPECT_EQ(AtPeak(), (Sizes{{100, 1}, {10, 1}}));
  peak_->CountFree(a);
  EXPECT_EQ(AtPeak(), (Sizes{{100, 1}, {10, 1}})) << "after it";
  for (int i = 0; i < 10; ++i) peak_->CountAllocation(b);
  EXPECT_EQ(AtPeak(), (Sizes{{100, 1}, {10, 1}})) << "as high again is no new peak";
  peak_->CountAllocation(b);
  EXPECT_EQ(AtPeak(), (Sizes{{10, 12}}));
  EXPECT_EQ(peak_->HighestBytes(), 120);
  for (int i = 0; i < 12; ++i) peak_->CountFree(b);
  EXPECT_EQ(AtPeak(), (Sizes{{10, 12}}));
  EXPECT_EQ(peak_->InUseBytes(), 0);
}

TEST_F(HeapPeakTest, AfterAResetItIsThatOfTheTimeSince) {
  Bucket *a = Add(1, 100, 1), *b = Add(2, 10, 1);
  for (int i = 0; i < 5; ++i) peak_->CountAllocation(a);
  for (int i = 0; i < 4; ++i) peak_->CountFree(a);
  EXPECT_EQ(peak_->SinceNanos(), 0);
  peak_->Reset();
  EXPECT_GT(peak_->SinceNanos(), 0);
  EXPECT_EQ(AtPeak(), (Sizes{{100, 1}}));
  peak_->CountAllocation(b);
  peak_->CountFree(a);
  EXPECT_EQ(AtPeak(), (Sizes{{100, 1}, {10, 1}}));
  peak_->Reset();
  EXPECT_EQ(AtPeak(), (Sizes{{10, 1}}));
}

TEST_F(HeapPeakTest, AtIntervalOneItIsExactWhateverTheOrder) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    table_ = std::make_unique<BucketTable>();
    peak_ = std::make_unique<HeapPeak>();
    std::vector<Bucket*> buckets;
    for (uintptr_t i = 0; i < 20; ++i) buckets.push_back(Add(i + 1, 1 + random() % 500, 1));
    std::vector<Bucket*> live;
    std::map<uint64_t, uint32_t> now, at_peak;
    int64_t sum = 0, highest = 0;
    const unsigned more = 400 + random() % 300;  // of a thousand: the drift
    for (int i = 0; i < 2000; ++i) {
      if (live.empty() || random() % 1000 < more) {
        Bucket* bucket = buckets[random() % buckets.size()];
        peak_->CountAllocation(bucket);
        live.push_back(bucket);
        ++now[bucket->size];
        sum += static_cast<int64_t>(bucket->size);
        if (sum > highest) {
          highest = sum;
          at_peak = now;
        }
      } else {
        std::swap(live[random() % live.size()], live.back());
        peak_->CountFree(live.back());
        sum -= static_cast<int64_t>(live.back()->size);
        if (--now[live.back()->size] == 0) now.erase(live.back()->size);
        live.pop_back();
      }
    }
    ASSERT_EQ(peak_->HighestBytes(), highest) << round;
    ASSERT_EQ(AtPeak(), at_peak) << round;
  }
}

// Blocks of three sizes come; two thirds of them go; fewer others come. The peak is before anything goes.
TEST_F(HeapPeakTest, SampledItIsUnbiasedOverManySeeds) {
  constexpr uint64_t kInterval = 512 << 10;
  constexpr int kSeeds = 200;
  struct Kind {
    uint64_t size;
    int blocks;
  };
  constexpr Kind kKinds[] = {{200, 60000}, {8 << 10, 3000}, {1 << 20, 20}};
  std::map<uint64_t, double> sums;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    table_ = std::make_unique<BucketTable>();
    peak_ = std::make_unique<HeapPeak>();
    Sampler sampler = {};
    sampler.Seed(static_cast<uint64_t>(seed));
    uint64_t countdown = sampler.NextCountdown(kInterval);
    const auto is_sample = [&](uint64_t size) {
      const bool due = countdown <= size;
      countdown = due ? sampler.NextCountdown(kInterval) : countdown - size;
      return due;
    };
    for (const Kind& kind : kKinds) {
      Bucket* bucket = Add(kind.size, kind.size, kInterval);
      for (int i = 0; i < kind.blocks; ++i) {
        if (is_sample(kind.size)) peak_->CountAllocation(bucket);
      }
    }
    for (const Kind& kind : kKinds) {
      Bucket* bucket = Add(kind.size, kind.size, kInterval);
      while (bucket->frees * 3 < bucket->allocations * 2) peak_->CountFree(bucket);
    }
    Bucket* other = Add(333, 333, kInterval);
    for (int i = 0; i < 40000; ++i) {
      if (is_sample(333)) peak_->CountAllocation(other);
    }
    for (const auto& [size, count] : AtPeak()) sums[size] += count;
  }
  EXPECT_EQ(sums.count(333), 0u);
  for (const Kind& kind : kKinds) {
    const double p = -expm1(-static_cast<double>(kind.size) / kInterval);
    const double error = sqrt(kind.blocks * (1 - p) / p / kSeeds);
    EXPECT_NEAR(sums[kind.size] / p / kSeeds, kind.blocks, 3 * error) << kind.size;
  }
}

TEST_F(HeapPeakTest, ASampleStandsForItsBytes) {
  for (uint64_t interval : {uint64_t{1}, uint64_t{4096}, uint64_t{512} << 10, uint64_t{1} << 47}) {
    for (uint64_t size :
         {uint64_t{0}, uint64_t{1}, uint64_t{24}, uint64_t{4000}, uint64_t{1} << 20, uint64_t{1} << 40}) {
      const auto bytes = static_cast<double>(size), mean = static_cast<double>(interval);
      const double wanted = interval == 1 || size == 0 ? bytes : bytes / -expm1(-bytes / mean);
      const Bucket& bucket = *Add(size + 1, size, interval);
      EXPECT_EQ(bucket.interval, interval);
      EXPECT_NEAR(static_cast<double>(BytesPerSample(bucket)), wanted, interval == 1 ? 0 : wanted / 2000 + 1);
    }
  }
}

// Beside other threads the sum and the tables are as of one moment but for what each is just at, and what the
// parts of the sum hold back.
TEST_F(HeapPeakTest, BesideThreadsItIsRightButForWhatIsUnderWay) {
  [[maybe_unused]] constexpr int kThreads = 4, kLargest = 1000, kLeastPart = 512;
  std::vector<Bucket*> buckets;
  for (uintptr_t i = 0; i < 8; ++i) buckets.push_back(Add(i + 1, kLargest - i, 1));
  for (int round = 0; round < 20; ++round) {
    peak_->Reset();
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(t + static_cast<unsigned>(round) * 10);
        std::vector<Bucket*> live;
        for (int i = 0; i < 3000; ++i) {
          if (live.empty() || random() % 2 == 0) {
            live.push_back(buckets[random() % buckets.size()]);
            peak_->CountAllocation(live.back());
          } else {
            peak_->CountFree(live.back());
            live.pop_back();
          }
        }
        for (Bucket* bucket : live) peak_->CountFree(bucket);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(peak_->InUseBytes(), 0);
    EXPECT_GT(peak_->HighestBytes(), 0);
#ifndef __SANITIZE_THREAD__
    // Who is held up between its sum and the height that it raises has the tables as they are afterwards: the
    // sanitizer makes of that moment one in which others free a dozen blocks.
    ASSERT_NEAR(static_cast<double>(BytesAtPeak()), static_cast<double>(peak_->HighestBytes()),
                kThreads * (2 * kLargest + kLeastPart))
        << round;
#endif
  }
}

}  // namespace
}  // namespace heapprof
