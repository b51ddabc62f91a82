// SPDX-License-Identifier: Apache-2.0
// Filters that a program installs when it has started: the program runs on, and what cannot be done says so.
#include <gtest/gtest.h>

#include "tests/system/cpu/cpu_profiles.h"

namespace heapprof::test {
namespace {

ProgramRun Seccomp(const std::string& mode, const std::string& clock = "auto") {
  return ProgramRun({Program("seccomp"), mode}, "sample_interval=1:cpu_signal=USR1:cpu_clock=" + clock);
}

TEST(Seccomp, WithoutTimersACpuProfileDoesNotStartAndSaysWhy) {
  ProgramRun run = Seccomp("start");
  ExpectWell(run.Execute());
  ASSERT_EQ(run.Said().size(), 1u) << "the signal's; a call has its result\n" << run.result().err;
  EXPECT_NE(run.Said()[0].find("no CPU profile: the system refuses a timer, seccomp may: "),
            std::string::npos);
  EXPECT_NE(run.Said()[0].find("Operation not permitted"), std::string::npos) << run.Said()[0];
  EXPECT_EQ(ReadFile(run.dir() / "start.cpu.pb.gz"), "");
}

TEST(Seccomp, WithoutThreadTimersThatOfTheProcessStandsIn) {
  ProgramRun run = Seccomp("fallback");
  ExpectWell(run.Execute());
  ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
  EXPECT_NE(run.Said()[0].find("ITIMER_PROF"), std::string::npos);
  const auto profiles = CpuProfiles(run);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_GT(profiles[0].In("After"), 80);
}

TEST(Seccomp, AFilterDuringAProfileLeavesWhatWasRecordedAndStopComesBack) {
  for (const char* clock : {"timer", "event"}) {
    ProgramRun run = Seccomp("during", clock);
    ExpectWell(run.Execute());
    EXPECT_TRUE(run.Said().empty()) << run.result().err;
    const auto profiles = CpuProfiles(run);
    ASSERT_EQ(profiles.size(), 1u);
    EXPECT_GT(profiles[0].In("Before"), 50) << clock;
    EXPECT_GT(profiles[0].In("After"), 50) << "the main thread's clock ticks on";
    EXPECT_NEAR(static_cast<double>(profiles[0].Total()), 300, 30) << "with a thread that had no clock";
  }
}

TEST(Seccomp, AHeapDumpDoesWithoutALookAtMemoryAndSaysThatFilesAreForbidden) {
  ProgramRun run = Seccomp("heap");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.Profiles().size(), 1u);
  ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
  EXPECT_NE(run.Said()[0].find("cannot write heap profile"), std::string::npos);
  EXPECT_NE(run.Said()[0].find("Operation not permitted"), std::string::npos) << run.Said()[0];
}

}  // namespace
}  // namespace heapprof::test
