// SPDX-License-Identifier: Apache-2.0
// A profile changes nothing in what a program may do: it brings no thread.
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/system/cpu/cpu_profiles.h"

namespace heapprof::test {
namespace {

void ExpectSameAsBare(const std::string& mode, const std::string& clock) {
  ProgramRun bare({Program("rights"), mode}, "");
  bare.command().env.clear();
  ExpectWell(bare.Execute());
  ProgramRun run({Program("rights"), mode}, "cpu_clock=" + clock);
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
  const auto profiles = CpuProfiles(run);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_GT(profiles[0].In("Work"), 30);
  EXPECT_EQ(profiles[0].Comment("lost-samples"), "0");
}

TEST(CpuRights, ASingleThreadedProgramStaysSo) {
  for (const char* clock : {"timer", "event"}) ExpectSameAsBare("alone", clock);
}

TEST(CpuRights, NoThreadKeepsTheRightsThatTheProgramGivesUp) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has rights to give up";
  for (const char* clock : {"timer", "event"}) ExpectSameAsBare("dropped", clock);
}

TEST(CpuRights, ChildrenMadePastForkEnd) {
  for (const char* clock : {"timer", "event"}) ExpectSameAsBare("cloned", clock);
}

}  // namespace
}  // namespace heapprof::test
