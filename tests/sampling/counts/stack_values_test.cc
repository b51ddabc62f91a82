// SPDX-License-Identifier: Apache-2.0
#include "sampling/counts/stack_values.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "base/memory/arena.h"

namespace heapprof {
namespace {

class StackValuesTest : public testing::Test {
 protected:
  StackValuesTest() : before_(MetadataBytes()) {}
  ~StackValuesTest() override {
    SetMetadataLimit(UINT64_MAX);
    values_->Free();
    EXPECT_EQ(MetadataBytes(), before_);
  }
  void ExpectValue(uint32_t id, int64_t count, int64_t amount) {
    const StackValue value = values_->Read(id);
    EXPECT_EQ(value.count, count) << id;
    EXPECT_EQ(value.amount, amount) << id;
  }

  uint64_t before_;
  std::unique_ptr<StackValues> values_ = std::make_unique<StackValues>();
};

TEST_F(StackValuesTest, SumsAreWhatWasPutInAndNotTakenOut) {
  ASSERT_TRUE(values_->Reserve(700));
  values_->Put(700, {1, 4096});
  values_->Put(700, {3, 100});
  values_->Put(1, {0, 7});
  ExpectValue(700, 4, 4196);
  ExpectValue(1, 0, 7);
  values_->Take(700, {1, 4096});
  ExpectValue(700, 3, 100);
  ExpectValue(699, 0, 0);
}

TEST_F(StackValuesTest, IdsWithoutACellReadAsZeros) {
  ExpectValue(1, 0, 0);
  ASSERT_TRUE(values_->Reserve(1));
  ExpectValue(1'000'000, 0, 0);
}

// Beyond 64 bits, and back.
TEST_F(StackValuesTest, ReadingSaturatesAndTheSumsDoNot) {
  ASSERT_TRUE(values_->Reserve(1));
  for (int i = 0; i < 5; ++i) values_->Put(1, {INT64_MAX, i == 0 ? 12 : INT64_MAX});
  ExpectValue(1, INT64_MAX, INT64_MAX);
  for (int i = 0; i < 4; ++i) values_->Take(1, {INT64_MAX, INT64_MAX});
  ExpectValue(1, INT64_MAX, 12);
  values_->Take(1, {INT64_MAX - 3, 12});
  ExpectValue(1, 3, 0);
  EXPECT_EQ(SaturatingSum(INT64_MAX - 1, 1), INT64_MAX);
  EXPECT_EQ(SaturatingSum(INT64_MAX, 1), INT64_MAX);
  EXPECT_EQ(SaturatingSum(2, 3), 5);
}

TEST_F(StackValuesTest, WithoutMemoryWhatIsThereStays) {
  ASSERT_TRUE(values_->Reserve(1));
  values_->Put(1, {1, 2});
  SetMetadataLimit(MetadataBytes());
  EXPECT_FALSE(values_->Reserve(100'000));
  EXPECT_TRUE(values_->Reserve(255));
  ExpectValue(1, 1, 2);
  ExpectValue(100'000, 0, 0);
}

// Every reader finds a count and an amount that belong together.
TEST_F(StackValuesTest, BothSumsAreOfOneMoment) {
  ASSERT_TRUE(values_->Reserve(1));
  constexpr int64_t kAmount = int64_t{1} << 62;  // the sums cross every word
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, reads{0};
  std::thread reader([&] {
    while (!stop) {
      const StackValue value = values_->Read(1);
      if (value.count == 1 ? value.amount != kAmount : value.count != value.amount % 7) ++wrong;
      ++reads;
    }
  });
  for (int i = 0; i < 20'000; ++i) {
    if (i % 20 == 0) {
      // A reader tries again while values change; where it is much slower than the writer, as under TSan, it
      // would never end.
      for (const int before = reads; reads == before;) std::this_thread::yield();
    }
    values_->Put(1, {1, kAmount});
    values_->Take(1, {1, kAmount});
    values_->Put(1, {3, 3});
    values_->Take(1, {3, 3});
  }
  stop = true;
  reader.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace heapprof
