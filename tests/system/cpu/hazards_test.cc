// SPDX-License-Identifier: Apache-2.0
// What CPU profilers have broken before, each with ticks as fast as they come.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "tests/system/cpu/cpu_profiles.h"

namespace heapprof::test {
namespace {

constexpr char kAtStart[] = "cpu_at_start=1:cpu_hz=4000:cpu_clock=event:sample_interval=4k";

ProgramRun Hazard(const std::string& mode, int count, const std::string& options, int seconds = 100) {
  return ProgramRun({Program("hazards"), mode, std::to_string(count)}, options, seconds * SoakFactor());
}

TEST(CpuHazards, ErrnoStaysAndBlockingCallsGoOn) {
  ProgramRun run = Hazard("errno", 0, kAtStart);
  ExpectWell(run.Execute());
  const auto profiles = CpuProfiles(run);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_GT(profiles[0].Total(), 400) << "ticks came";
}

TEST(CpuHazards, TheSmallestSignalStackSuffices) {
  ProgramRun run = Hazard("altstack", 0, kAtStart);
  ExpectWell(run.Execute());
  const auto profiles = CpuProfiles(run);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_GT(profiles[0].In("OnSmallStack"), 400);
}

TEST(CpuHazards, TimeOfAThreadThatNoTickFoundHasANameOfItsOwn) {
  ProgramRun run = Hazard("blocked", 0, "");
  ExpectWell(run.Execute());
  const auto profiles = CpuProfiles(run);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_NEAR(static_cast<double>(profiles[0].In("[no tick]")), 100, 3);
  EXPECT_EQ(profiles[0].Comment("truncated-stacks"), "0");
}

TEST(CpuHazards, StartsAndStopsLeaveNothing) {
  ProgramRun run = Hazard("startstop", 200 * SoakFactor(), "cpu_clock=event");
  ExpectWell(run.Execute());
  EXPECT_EQ(CpuProfiles(run).size(), 1u);
}

TEST(CpuHazards, WhatCannotBeIsRefusedByName) {
  ProgramRun run = Hazard("refusals", 0, "");
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
}

TEST(CpuHazards, ExecUnderAProfileEndsNoProgram) {
  ProgramRun run = Hazard("exec", 100 * SoakFactor(), "cpu_clock=event");
  ExpectWell(run.Execute());
}

TEST(CpuHazards, ExecWithTheProcessTimerEndsNoProgram) {
  ProgramRun run = Hazard("exec", 50 * SoakFactor(), "metadata_limit=64m");
  run.command().before_exec = [] {
    rlimit none = {0, 0};
    setrlimit(RLIMIT_SIGPENDING, &none);
    rlimit few = {6, 6};  // and no descriptors for events
    setrlimit(RLIMIT_NOFILE, &few);
  };
  ExpectWell(run.Execute());
}

TEST(CpuHazards, ForkedChildrenHaveProfilesOfTheirOwn) {
  const int forks = 40 * SoakFactor();
  ProgramRun run = Hazard("forks", forks, kAtStart);
  ExpectWell(run.Execute());
  // One of the parent's, and one of each child that ended by exit.
  EXPECT_EQ(CpuProfiles(run).size(), 1u + static_cast<size_t>(forks + 7) / 8);
  run.Profiles();
}

TEST(CpuHazards, SpawnedChildrenDoNotDisturb) {
  const int spawns = 200 * SoakFactor();
  ProgramRun run = Hazard("spawns", spawns, kAtStart);
  ExpectWell(run.Execute());
  // The library is in the children too, as the environment says: the parent's profile, and theirs.
  EXPECT_EQ(CpuProfiles(run).size(), 1u + static_cast<size_t>(spawns));
}

// The fallback is counted, told once, and keeps the sum.
TEST(CpuHazards, WithoutTimersOneForTheProcessStandsIn) {
  ProgramRun run = Hazard("threads", 64, "cpu_at_start=1:cpu_hz=100");
  run.command().before_exec = [] {
    rlimit four = {4, 4};
    setrlimit(RLIMIT_SIGPENDING, &four);
  };
  ExpectWell(run.Execute());
  const auto said = run.Said();
  ASSERT_EQ(said.size(), 1u) << run.result().err;
  EXPECT_NE(said[0].find("ITIMER_PROF"), std::string::npos);
  const auto profiles = CpuProfiles(run);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_EQ(profiles[0].Comment("cpu-clock"), "ITIMER_PROF");
  const double periods = static_cast<double>(atol(run.result().out.c_str())) / 10;
  EXPECT_NEAR(static_cast<double>(profiles[0].Total()), periods, 0.1 * periods + 3);
}

// clone() that a signal interrupts begins anew: with a tick in each attempt it would never end.
TEST(CpuHazards, ForkOfALargeProcessTakesLessThanTwiceItsTime) {
  ProgramRun without = Hazard("bigfork", 0, ""),
             with = Hazard("bigfork", 0, "cpu_at_start=1:cpu_hz=1000:cpu_clock=event");
  ExpectWell(without.Execute());
  ExpectWell(with.Execute());
  const double plain = atof(without.result().out.c_str()), profiled = atof(with.result().out.c_str());
  EXPECT_GT(plain, 0);
  // What a child that is profiled costs its parent is its own affair: both begin and end here.
  EXPECT_LT(profiled, 2 * plain);
}

TEST(CpuHazards, ASignalStartsAndStops) {
  ProgramRun run = Hazard("bysignal", 0, "cpu_signal=USR1:cpu_hz=1000:output=%e.%n");
  run.command().env[1].second = "output=" + (run.dir() / "%e.%n") + ":cpu_signal=USR1:cpu_hz=1000";
  ExpectWell(run.Execute());
  const auto profiles = CpuProfiles(run);
  ASSERT_EQ(profiles.size(), 3u);
  EXPECT_GT(profiles[0].In("FirstPart"), 80);
  EXPECT_EQ(profiles[0].In("Between") + profiles[0].In("SecondPart"), 0);
  EXPECT_GT(profiles[1].In("SecondPart"), 80);
  EXPECT_EQ(profiles[1].In("Between") + profiles[1].In("FirstPart"), 0);
}

TEST(CpuHazards, ASignalMayStartAndStopInAThreadThatJustBeginsOrEnds) {
  ProgramRun run = Hazard("births", 2000 * SoakFactor(), "", 60);
  run.command().env[1].second = "output=" + (run.dir() / "h") + ":cpu_signal=USR1:cpu_clock=timer";
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
}

TEST(CpuHazards, AProfileThatNobodyStopsIsWrittenWhenTheProgramEnds) {
  for (int how : {0, 1, 2}) {
    ProgramRun run = Hazard("unstopped", how, "sample_interval=64k");
    ExpectWell(run.Execute());
    EXPECT_TRUE(run.Said().empty()) << run.result().err;
    const auto profiles = CpuProfiles(run);
    ASSERT_EQ(profiles.size(), 1u);
    EXPECT_GT(profiles[0].In("Unstopped"), 80) << how;
    EXPECT_GT(profiles[0].Total(), profiles[0].In("Unstopped")) << "threads that ran on";
  }
}

TEST(CpuHazards, AProfileIsNotWrittenIntoWhatHasItsDescriptorLater) {
  for (int how : {3, 4}) {
    ProgramRun run = Hazard("unstopped", how, "sample_interval=64k");
    ExpectWell(run.Execute());
    ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
    EXPECT_NE(run.Said()[0].find("it was closed"), std::string::npos) << run.Said()[0];
    EXPECT_EQ(ReadFile(run.dir() / "unstopped.cpu.pb.gz"), "");
    if (how == 4) {
      EXPECT_EQ(ReadFile(run.dir() / "other"), "");
    }
  }
}

TEST(CpuHazards, AProgramsOwnSigprofIsLeftAloneAndSaidSo) {
  ProgramRun run = Hazard("burn", 20, "cpu_at_start=1");
  run.command().argv = {"/usr/bin/python3", "-c",
                        "import signal,os\nsignal.signal(signal.SIGPROF, lambda *a: None)\n"
                        "os.kill(os.getpid(), signal.SIGUSR1)\nprint('OK')"};
  run.command().env[1].second = "output=" + (run.dir() / "h") + ":cpu_signal=USR1";
  ExpectWell(run.Execute());
  ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
  EXPECT_NE(run.Said()[0].find("SIGPROF"), std::string::npos);
  EXPECT_TRUE(CpuProfiles(run).empty());
}

// The programs that have broken heap profilers, with both profiles on.
class Both : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(Both, RunsWell) {
  std::vector<std::string> argv = GetParam();
  argv[0] = HEAP_HAZARDS "/" + argv[0];
  ProgramRun run(argv, "cpu_at_start=1:cpu_hz=4000:cpu_clock=event:sample_interval=1", 200);
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
  EXPECT_GE(CpuProfiles(run).size(), 1u);
  for (const std::string& path : FindProfiles(run.dir().path())) EXPECT_EQ(ReadProfile(path).error(), "");
}

INSTANTIATE_TEST_SUITE_P(
    Programs, Both,
    testing::Values(std::vector<std::string>{"exceptions", "100"}, std::vector<std::string>{"coroutines"},
                    std::vector<std::string>{"dlopen_loop", HEAP_HAZARDS "/plugin.so", "50"},
                    std::vector<std::string>{"fork_threads", HEAP_HAZARDS "/plugin.so", "20"},
                    std::vector<std::string>{"key_destructors", "100"},
                    std::vector<std::string>{"signal_storm", "process", "50"},
                    std::vector<std::string>{"small_altstack"}, std::vector<std::string>{"main_ends"}),
    [](const auto& info) { return info.param[0]; });

}  // namespace
}  // namespace heapprof::test
