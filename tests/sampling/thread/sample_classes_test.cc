// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/sample_classes.h"

#include <gtest/gtest.h>

#include "sampling/thread/countdown.h"

namespace heapprof::sample_classes {
namespace {

// What was admitted stays so; each test leaves it as it was.
class SampleClassesTest : public testing::Test {
 protected:
  SampleClassesTest() : sizes_(g_freed_sizes), slow_(g_slow_free_mask), sized_(g_slow_sized_mask) {
    g_slow_free_mask = g_slow_sized_mask = 0;
    for (uint64_t& of_class : g_freed_sizes.of) of_class &= ~kMayHold;
  }
  ~SampleClassesTest() override {
    g_freed_sizes = sizes_;
    g_slow_free_mask = slow_;
    g_slow_sized_mask = sized_;
  }
  static void ExpectFlaggedAreMultiplesOf(uint64_t alignment) {
    uint64_t bytes = 8;
    for (uint64_t of_class : g_freed_sizes.of) {
      EXPECT_EQ(of_class & ~kMayHold, bytes);
      EXPECT_EQ((of_class & kMayHold) != 0, bytes % alignment == 0) << bytes << " at " << alignment;
      bytes = NextClass(bytes);
    }
    EXPECT_EQ(bytes, 40960U) << "the least of which no cache has blocks";
  }

 private:
  const FreedSizes sizes_;
  const uint32_t slow_, sized_;
};

TEST_F(SampleClassesTest, HoldsSamplesIfABlockOfTheClassCanBeAlignedAsTheyAre) {
  for (uint64_t alignment : {4096, 1024, 256}) {
    Admit(alignment - 1);
    ExpectFlaggedAreMultiplesOf(alignment);
    EXPECT_EQ(g_slow_sized_mask, alignment - 1);
  }
}

TEST_F(SampleClassesTest, AllPassForSomeThatMayHoldSamplesWhereTheseAreFrequent) {
  Admit(kFrequentMask);
  ExpectFlaggedAreMultiplesOf(1);
  EXPECT_EQ(g_slow_sized_mask, kMinSampleMask) << "of a block whose size is told the filter is asked";
  EXPECT_EQ(g_slow_free_mask, UINT32_MAX) << "it is in use still";
  Admit(4095);
  ExpectFlaggedAreMultiplesOf(1);
  EXPECT_EQ(g_slow_sized_mask, kMinSampleMask) << "older samples are there still";
}

TEST_F(SampleClassesTest, StaysAsItIsWhenSamplesBecomeRarerAgain) {
  Admit(255);
  Admit(4095);
  ExpectFlaggedAreMultiplesOf(256);
}

TEST_F(SampleClassesTest, EveryFreeIsSlowBeforeTheFirstAndFromTheLeastAlignmentOn) {
  Admit(4095);
  EXPECT_EQ(g_slow_free_mask, UINT32_MAX);
  Admit(kMinSampleMask);
  EXPECT_EQ(g_slow_free_mask, kMinSampleMask);
  Admit(4095);
  EXPECT_EQ(g_slow_free_mask, kMinSampleMask);
}

}  // namespace
}  // namespace heapprof::sample_classes
