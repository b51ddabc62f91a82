// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/label_table.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace heapprof {
namespace {

class LabelTableTest : public testing::Test {
 protected:
  // Makes `set_` the set with the pair.
  int Set(const char* key, const char* value) { return table_->With(set_, key, value, &set_); }
  std::string All(uint32_t set) const {
    std::string text;
    LabelSetView view = table_->At(set);
    for (size_t i = 0; i < view.count; ++i) {
      text += std::string(view.labels[i].key) + "=" + view.labels[i].value + ";";
    }
    return text;
  }

  std::unique_ptr<LabelTable> table_ = std::make_unique<LabelTable>();
  uint32_t set_ = 0;
};

TEST_F(LabelTableTest, PairsAreSetChangedAndRemoved) {
  EXPECT_EQ(Set("b", "1"), 0);
  EXPECT_EQ(Set("c", "2"), 0);
  EXPECT_EQ(Set("a", "3"), 0);
  EXPECT_EQ(All(set_), "a=3;b=1;c=2;");
  EXPECT_EQ(Set("b", ""), 0);
  EXPECT_EQ(All(set_), "a=3;b=;c=2;");
  EXPECT_EQ(Set("b", nullptr), 0);
  EXPECT_EQ(Set("absent", nullptr), 0);
  EXPECT_EQ(All(set_), "a=3;c=2;");
  EXPECT_EQ(Set("a", nullptr) | Set("c", nullptr), 0);
  EXPECT_EQ(set_, 0u);
}

TEST_F(LabelTableTest, TextsHaveNumbersEachOne) {
  Set("numbered", "one");
  const Label first = table_->At(set_).labels[0];
  Set("numbered", "two");
  const Label second = table_->At(set_).labels[0];
  EXPECT_EQ(table_->text_count(), 3u);
  EXPECT_EQ(LabelTable::NumberOf(first.key), LabelTable::NumberOf(second.key));
  EXPECT_NE(LabelTable::NumberOf(first.value), LabelTable::NumberOf(second.value));
  for (const char* text : {first.key, first.value, second.value}) {
    const uint32_t number = LabelTable::NumberOf(text);
    ASSERT_GE(number, 1u);
    ASSERT_LE(number, 3u);
    EXPECT_EQ(table_->TextAt(number), text);
  }
}

TEST_F(LabelTableTest, WhatIsNoUtf8IsRefused) {
  EXPECT_EQ(Set("a", "1"), 0);
  for (const char* bad : {"\xff", "caf\xe9", "\xed\xa0\x80", "\xe2\x82"}) {
    EXPECT_EQ(Set("a", bad), -EINVAL);
    EXPECT_EQ(Set(bad, "1"), -EINVAL);
    EXPECT_EQ(Set(bad, nullptr), -EINVAL);
  }
  EXPECT_EQ(All(set_), "a=1;");
  EXPECT_EQ(Set("caf\xc3\xa9", "\xe2\x82\xac"), 0);
}

TEST_F(LabelTableTest, TheSameSetHasTheSameIdWhateverTheOrderAndTakesNoMemoryAgain) {
  Set("x", "1");
  Set("y", "2");
  const uint32_t id = set_;
  const char* value = table_->At(id).labels[1].value;
  set_ = 0;
  Set("y", "2");
  const uint64_t bytes = MetadataBytes();
  for (int i = 0; i < 1000; ++i) {
    Set("x", "1");
    EXPECT_EQ(set_, id);
    Set("x", nullptr);
  }
  EXPECT_EQ(table_->At(set_).labels[0].value, value);
  EXPECT_EQ(MetadataBytes(), bytes);
  EXPECT_TRUE(table_->Has(0) && table_->Has(3));
  EXPECT_FALSE(table_->Has(4));
}

TEST_F(LabelTableTest, WhatIsOutOfBoundsIsRefusedAndLabelsStay) {
  Set("k", "v");
  EXPECT_EQ(Set("", "v"), -EINVAL);
  EXPECT_EQ(Set(nullptr, "v"), -EINVAL);
  EXPECT_EQ(Set("bytes", "v"), -EINVAL);
  EXPECT_EQ(Set("pprof::base", "v"), -EINVAL);
  EXPECT_EQ(Set(std::string(kMaxKeySize + 1, 'k').c_str(), "v"), -ENAMETOOLONG);
  EXPECT_EQ(Set("k", std::string(kMaxValueSize + 1, 'v').c_str()), -ENAMETOOLONG);
  EXPECT_EQ(All(set_), "k=v;");
  EXPECT_EQ(Set(std::string(kMaxKeySize, 'k').c_str(), std::string(kMaxValueSize, 'v').c_str()), 0);
  set_ = 0;
  for (size_t i = 0; i < kMaxLabels; ++i) EXPECT_EQ(Set(std::to_string(i).c_str(), "v"), 0);
  const uint32_t full = set_;
  EXPECT_EQ(Set("one too many", "v"), -ENOSPC);
  EXPECT_EQ(set_, full);
  EXPECT_EQ(Set("3", "changed"), 0);
}

TEST_F(LabelTableTest, ThreadsThatAddTheSameSetsAgreeOnThem) {
  constexpr int kThreads = 4, kSets = 500;
  std::vector<std::vector<uint32_t>> ids(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, &ids, t] {
      for (int i = 0; i < kSets; ++i) {
        uint32_t id = 0;
        ASSERT_EQ(table_->With(0, "round", std::to_string(i).c_str(), &id), 0);
        ids[t].push_back(id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 1; t < kThreads; ++t) EXPECT_EQ(ids[t], ids[0]);
  for (int i = 0; i < kSets; ++i) EXPECT_EQ(All(ids[0][i]), "round=" + std::to_string(i) + ";");
  EXPECT_FALSE(table_->Has(kSets + 1));
}

TEST_F(LabelTableTest, TheNumberOfSetsIsBounded) {
  const uint64_t bytes = MetadataBytes();
  Set("n", "known");
  int error = 0;
  uint32_t sets = 0;
  while (error == 0 && sets <= kMaxSets) error = Set("n", std::to_string(++sets).c_str());
  EXPECT_EQ(error, -ENOSPC);
  EXPECT_LT(MetadataBytes() - bytes, 32u << 20);
  EXPECT_EQ(Set("n", "known"), 0);
  EXPECT_EQ(set_, 1u);
}

}  // namespace
}  // namespace heapprof
