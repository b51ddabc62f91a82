// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/labels.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace heapprof {
namespace {

class LabelsTest : public testing::Test {
 protected:
  LabelsTest() { InheritLabels(0); }
  ~LabelsTest() override { InheritLabels(0); }
};

TEST_F(LabelsTest, AThreadsLabelsAreReadBackAndStayWhenAChangeIsRefused) {
  EXPECT_EQ(GetLabel("b"), nullptr);
  EXPECT_EQ(GetLabel(nullptr), nullptr);
  EXPECT_EQ(SetLabel("b", "1"), 0);
  EXPECT_STREQ(GetLabel("b"), "1");
  EXPECT_EQ(SetLabel("b", ""), 0);
  EXPECT_STREQ(GetLabel("b"), "");
  const uint32_t set = CurrentLabels();
  EXPECT_EQ(SetLabel("bytes", "1"), -EINVAL);
  EXPECT_EQ(CurrentLabels(), set);
  EXPECT_EQ(SetLabel("b", nullptr), 0);
  EXPECT_EQ(GetLabel("b"), nullptr);
  EXPECT_EQ(CurrentLabels(), 0u);
}

TEST_F(LabelsTest, ThreadsHaveTheirOwnOrWhatTheyInherit) {
  SetLabel("thread", "main");
  const uint32_t set = CurrentLabels();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, set] {
      EXPECT_EQ(GetLabel("thread"), nullptr);
      for (int i = 0; i < 2000; ++i) {
        const std::string value = std::to_string(i % 50), number = std::to_string(t);
        ASSERT_EQ(SetLabel("thread", number.c_str()), 0);
        ASSERT_EQ(SetLabel("round", value.c_str()), 0);
        ASSERT_EQ(GetLabel("round"), value);
        ASSERT_EQ(GetLabel("thread"), number);
      }
      InheritLabels(set);
      EXPECT_STREQ(GetLabel("thread"), "main");
      EXPECT_EQ(GetLabel("round"), nullptr);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_STREQ(GetLabel("thread"), "main");
}

}  // namespace
}  // namespace heapprof
