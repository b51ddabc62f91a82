// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/seen_modules.h"

#include <gtest/gtest.h>

namespace heapprof::unwind {
namespace {

UnwindTables Module(uintptr_t lo, uintptr_t hi, uintptr_t header) { return {lo, hi, header, lo, hi}; }

TEST(SeenModulesTest, AKnownModuleReplacesNothing) {
  static SeenModules seen;
  EXPECT_FALSE(seen.Replaces(Module(0x1000, 0x5000, 0x4000)));
  EXPECT_FALSE(seen.Replaces(Module(0x5000, 0x9000, 0x8000)));  // beside it
  EXPECT_FALSE(seen.Replaces(Module(0x1000, 0x5000, 0x4000)));
}

TEST(SeenModulesTest, AnOverlapIsAReplacementOnce) {
  static SeenModules seen;
  EXPECT_FALSE(seen.Replaces(Module(0x1000, 0x5000, 0x4000)));
  EXPECT_TRUE(seen.Replaces(Module(0x3000, 0x7000, 0x6000)));
  EXPECT_FALSE(seen.Replaces(Module(0x3000, 0x7000, 0x6000)));
  EXPECT_TRUE(seen.Replaces(Module(0x3000, 0x7000, 0x6500)));  // the same place, other tables
}

// Two segments of a program with holes, whose tables lie in a third one.
TEST(SeenModulesTest, SegmentsWithTheSameTablesReplaceNothing) {
  static SeenModules seen;
  const UnwindTables text = {0x1000, 0x5000, 0x4000, 0x200000, 0x210000};
  const UnwindTables more_text = {0x1000, 0x5000, 0x4000, 0x400000, 0x410000};
  for (int round = 0; round < 2; ++round) {
    EXPECT_FALSE(seen.Replaces(text));
    EXPECT_FALSE(seen.Replaces(more_text));
  }
}

TEST(SeenModulesTest, MoreThanItsRoomAreTakenForKnown) {
  static SeenModules seen;
  for (uintptr_t i = 1; i < 5000; ++i) {
    EXPECT_FALSE(seen.Replaces(Module(i * 0x1000, i * 0x1000 + 0x1000, i * 0x1000)));
  }
}

}  // namespace
}  // namespace heapprof::unwind
