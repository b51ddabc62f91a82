// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/labels.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/memory/arena.h"
#include "tests/support/own_process.h"

namespace heapprof {
namespace {

class LabelsTest : public testing::Test {
 protected:
  LabelsTest() { InheritLabels(0); }
  ~LabelsTest() override { InheritLabels(0); }
  static std::string All() {
    std::string text;
    LabelSetView set = LabelSetAt(CurrentLabels());
    for (size_t i = 0; i < set.count; ++i) {
      text += std::string(set.labels[i].key) + "=" + set.labels[i].value + ";";
    }
    return text;
  }
};

TEST_F(LabelsTest, PairsAreSetChangedAndRemoved) {
  EXPECT_EQ(SetLabel("b", "1"), 0);
  EXPECT_EQ(SetLabel("c", "2"), 0);
  EXPECT_EQ(SetLabel("a", "3"), 0);
  EXPECT_EQ(All(), "a=3;b=1;c=2;");
  EXPECT_EQ(SetLabel("b", ""), 0);
  EXPECT_EQ(All(), "a=3;b=;c=2;");
  EXPECT_STREQ(GetLabel("b"), "");
  EXPECT_EQ(SetLabel("b", nullptr), 0);
  EXPECT_EQ(GetLabel("b"), nullptr);
  EXPECT_EQ(SetLabel("absent", nullptr), 0);
  EXPECT_EQ(All(), "a=3;c=2;");
  EXPECT_EQ(SetLabel("a", nullptr) | SetLabel("c", nullptr), 0);
  EXPECT_EQ(CurrentLabels(), 0u);
}

TEST_F(LabelsTest, TextsHaveNumbersEachOne) {
  SetLabel("numbered", "one");
  const Label first = LabelSetAt(CurrentLabels()).labels[0];
  SetLabel("numbered", "two");
  const Label second = LabelSetAt(CurrentLabels()).labels[0];
  EXPECT_EQ(LabelTextNumber(first.key), LabelTextNumber(second.key));
  EXPECT_NE(LabelTextNumber(first.value), LabelTextNumber(second.value));
  for (const char* text : {first.key, first.value, second.value}) {
    const uint32_t number = LabelTextNumber(text);
    ASSERT_GE(number, 1u);
    ASSERT_LE(number, LabelTextCount());
    EXPECT_EQ(LabelTextAt(number), text);
  }
}

TEST_F(LabelsTest, WhatIsNoUtf8IsRefused) {
  EXPECT_EQ(SetLabel("a", "1"), 0);
  for (const char* bad : {"\xff", "caf\xe9", "\xed\xa0\x80", "\xe2\x82"}) {
    EXPECT_EQ(SetLabel("a", bad), -EINVAL);
    EXPECT_EQ(SetLabel(bad, "1"), -EINVAL);
    EXPECT_EQ(SetLabel(bad, nullptr), -EINVAL);
  }
  EXPECT_EQ(All(), "a=1;");
  EXPECT_EQ(SetLabel("caf\xc3\xa9", "\xe2\x82\xac"), 0);
}

TEST_F(LabelsTest, TheSameSetHasTheSameIdWhateverTheOrderAndTakesNoMemoryAgain) {
  SetLabel("x", "1");
  SetLabel("y", "2");
  uint32_t id = CurrentLabels();
  const char* value = GetLabel("y");
  InheritLabels(0);
  SetLabel("y", "2");
  uint64_t bytes = MetadataBytes();
  for (int i = 0; i < 1000; ++i) {
    SetLabel("x", "1");
    EXPECT_EQ(CurrentLabels(), id);
    SetLabel("x", nullptr);
  }
  EXPECT_EQ(GetLabel("y"), value);
  EXPECT_EQ(MetadataBytes(), bytes);
}

TEST_F(LabelsTest, WhatIsOutOfBoundsIsRefusedAndLabelsStay) {
  SetLabel("k", "v");
  EXPECT_EQ(SetLabel("", "v"), -EINVAL);
  EXPECT_EQ(SetLabel(nullptr, "v"), -EINVAL);
  EXPECT_EQ(SetLabel("bytes", "v"), -EINVAL);
  EXPECT_EQ(SetLabel("pprof::base", "v"), -EINVAL);
  EXPECT_EQ(SetLabel(std::string(kMaxKeySize + 1, 'k').c_str(), "v"), -ENAMETOOLONG);
  EXPECT_EQ(SetLabel("k", std::string(kMaxValueSize + 1, 'v').c_str()), -ENAMETOOLONG);
  EXPECT_EQ(All(), "k=v;");
  EXPECT_EQ(SetLabel(std::string(kMaxKeySize, 'k').c_str(), std::string(kMaxValueSize, 'v').c_str()), 0);
  InheritLabels(0);
  for (size_t i = 0; i < kMaxLabels; ++i) EXPECT_EQ(SetLabel(std::to_string(i).c_str(), "v"), 0);
  uint32_t full = CurrentLabels();
  EXPECT_EQ(SetLabel("one too many", "v"), -ENOSPC);
  EXPECT_EQ(CurrentLabels(), full);
  EXPECT_EQ(SetLabel("3", "changed"), 0);
}

TEST_F(LabelsTest, ThreadsHaveTheirOwn) {
  SetLabel("thread", "main");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      EXPECT_EQ(GetLabel("thread"), nullptr);
      for (int i = 0; i < 2000; ++i) {
        std::string value = std::to_string(i % 50);
        ASSERT_EQ(SetLabel("thread", std::to_string(t).c_str()), 0);
        ASSERT_EQ(SetLabel("round", value.c_str()), 0);
        ASSERT_EQ(All(), "round=" + value + ";thread=" + std::to_string(t) + ";");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(All(), "thread=main;");
}

// From then on the process takes no new set.
void UseUpTheSets() {
  SetLabel("n", "known");
  uint32_t known = CurrentLabels();
  uint64_t bytes = MetadataBytes();
  int error = 0;
  uint32_t sets = 0;
  while (error == 0 && sets <= kMaxSets) {
    ++sets;
    error = SetLabel("n", std::to_string(sets).c_str());
  }
  EXPECT_EQ(error, -ENOSPC);
  EXPECT_LT(MetadataBytes() - bytes, 32u << 20);
  EXPECT_EQ(SetLabel("n", "known"), 0);
  EXPECT_EQ(CurrentLabels(), known);
}

TEST_F(LabelsTest, TheNumberOfSetsIsBounded) { test::InAProcessOfItsOwn(UseUpTheSets); }

}  // namespace
}  // namespace heapprof
