// SPDX-License-Identifier: Apache-2.0
// SIGPROF and SIGUSR2 are the program's: it sees and sets what they do as it would without us.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "tests/system/cpu/cpu_profiles.h"

namespace heapprof::test {
namespace {

constexpr char kAtStart[] = "cpu_at_start=1:cpu_hz=1000:sample_interval=64k";

ProgramRun Signals(const std::vector<std::string>& words, const std::string& options) {
  std::vector<std::string> argv = {Program("signals")};
  argv.insert(argv.end(), words.begin(), words.end());
  return ProgramRun(argv, options);
}

constexpr const char* kWays[] = {"sigaction", "signal", "sigset", "sysv_signal"};

TEST(CpuSignals, AHandlerForSigprofEndsTheProfileAndSeesNoTick) {
  for (const char* clock : {":cpu_clock=timer", ":cpu_clock=event"}) {
    for (const char* way : kWays) {
      ProgramRun run = Signals({"taken", way}, std::string(kAtStart) + clock);
      ExpectWell(run.Execute());
      ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
      EXPECT_NE(run.Said()[0].find("SIGPROF: the CPU profile ends here"), std::string::npos);
      const auto profiles = CpuProfiles(run);
      ASSERT_EQ(profiles.size(), 1u);
      EXPECT_GT(profiles[0].In("Before"), 80) << way;
      EXPECT_EQ(profiles[0].In("After"), 0) << way;
      EXPECT_LT(profiles[0].Total(), 180) << "time after the end is not in it";
    }
  }
}

TEST(CpuSignals, AWaitForSigprofEndsTheProfileAndSeesNoTick) {
  for (const char* clock : {":cpu_clock=timer", ":cpu_clock=event"}) {
    for (const char* way : {"sigwait", "sigwaitinfo", "sigtimedwait", "signalfd"}) {
      ProgramRun run = Signals({"waited", way}, std::string(kAtStart) + clock);
      ExpectWell(run.Execute());
      ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
      EXPECT_NE(run.Said()[0].find("waits for SIGPROF: the CPU profile ends here"), std::string::npos);
      const auto profiles = CpuProfiles(run);
      ASSERT_EQ(profiles.size(), 1u);
      EXPECT_GT(profiles[0].In("Before"), 80) << way;
      EXPECT_EQ(profiles[0].In("After"), 0) << way;
    }
  }
}

TEST(CpuSignals, AThreadThatWaitsForAllSignalsLeavesTheProfileAlone) {
  for (const char* clock : {":cpu_clock=timer", ":cpu_clock=event"}) {
    for (const char* way : {"sigwait", "sigwaitinfo", "sigtimedwait"}) {
      ProgramRun run = Signals({"served", way}, std::string(kAtStart) + clock);
      ExpectWell(run.Execute());
      EXPECT_TRUE(run.Said().empty()) << run.result().err;
      const auto profiles = CpuProfiles(run);
      ASSERT_EQ(profiles.size(), 1u);
      EXPECT_GT(profiles[0].In("After"), 80) << way;
    }
  }
}

TEST(CpuSignals, WhatACallStartedIsWrittenByItsStop) {
  for (const char* way : kWays) {
    ProgramRun run = Signals({"call", way}, "sample_interval=64k");
    ExpectWell(run.Execute());
    const auto profiles = CpuProfiles(run);
    ASSERT_EQ(profiles.size(), 2u);
    EXPECT_GT(profiles[0].In("After"), 80) << "again, when the program has given it back";
    EXPECT_GT(profiles[1].In("Before"), 80);
    EXPECT_EQ(profiles[1].In("After"), 0);
  }
}

TEST(CpuSignals, TheDefaultActionAndToIgnoreItLeaveTheProfileAlone) {
  for (const char* way : {"sigaction", "signal", "sigset", "all"}) {
    ProgramRun run = Signals({"reset", way}, kAtStart);
    ExpectWell(run.Execute());
    EXPECT_TRUE(run.Said().empty()) << run.result().err;
    const auto profiles = CpuProfiles(run);
    ASSERT_EQ(profiles.size(), 1u);
    EXPECT_GT(profiles[0].In("Before"), 80) << way;
    EXPECT_GT(profiles[0].In("After"), 80) << way;
  }
}

TEST(CpuSignals, PastLibcIsSaidAndTheTimeHasNoPlace) {
  ProgramRun run = Signals({"past"}, kAtStart);
  ExpectWell(run.Execute());
  ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
  EXPECT_NE(run.Said()[0].find("SIGPROF past libc"), std::string::npos);
  const auto profiles = CpuProfiles(run);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_LT(profiles[0].In("Before"), 125) << "none of the time of After";
  EXPECT_GT(atol(profiles[0].Comment("lost-samples").c_str()), 75);
}

TEST(CpuSignals, SigprofEndsAProgramThatLeavesItToTheDefault) {
  ProgramRun run = Signals({"killed"}, kAtStart);
  EXPECT_EQ(run.Execute().signal, SIGPROF) << run.result().Describe();
}

TEST(CpuSignals, TheProgramSeesWhatItWouldSeeWithoutUs) {
  ProgramRun bare = Signals({"seen"}, "");
  bare.command().env.clear();
  ExpectWell(bare.Execute());
  ASSERT_GT(bare.result().out.size(), 20000u);
  for (const char* options : {"", kAtStart, "cpu_signal=USR1:cpu_at_start=1", "dump_signal=0"}) {
    ProgramRun run = Signals({"seen"}, options);
    ExpectWell(run.Execute());
    EXPECT_TRUE(run.result().out == bare.result().out) << options;
  }
}

TEST(DumpSignal, StepsBackForTheProgramsHandlerAndComesBackWithTheDefault) {
  ProgramRun run = Signals({"usr2"}, "sample_interval=64k");
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
  EXPECT_EQ(run.ProfileCount(), 3u);
}

void ChildrenSetTheirOwn(bool with_process_timer) {
  ProgramRun run = Signals({"children"}, kAtStart);
  if (with_process_timer) {
    run.command().before_exec = [] {
      const rlimit none = {0, 0};
      setrlimit(RLIMIT_SIGPENDING, &none);
      const rlimit few = {6, 6};  // and no descriptors for events
      setrlimit(RLIMIT_NOFILE, &few);
    };
  }
  ExpectWell(run.Execute());
  const auto profiles = CpuProfiles(run);
  ASSERT_GE(profiles.size(), 1u);
  int64_t whole = 0;
  for (const auto& profile : profiles) {
    EXPECT_EQ(profile.Comment("cpu-clock") == "ITIMER_PROF", with_process_timer);
    whole += profile.In("After") > 80 && profile.In("Before") > 80 ? 1 : 0;
  }
  EXPECT_EQ(whole, 1) << "the parent's goes on";
}

TEST(DumpSignal, ChildrenSetTheirOwnAndTheParentKeepsWhatItHas) { ChildrenSetTheirOwn(false); }
TEST(CpuSignals, ChildrenSetTheirTimerAndTheParentKeepsItsOwn) { ChildrenSetTheirOwn(true); }

TEST(StaticSignals, AreTheProgramsToo) {
  ProgramRun bare = Signals({"seen"}, "");
  bare.command().env.clear();
  ExpectWell(bare.Execute());
  ProgramRun seen({Program("signals_whole"), "seen"}, kAtStart);
  ExpectWell(seen.Execute());
  EXPECT_TRUE(seen.result().out == bare.result().out);
  ProgramRun taken({Program("signals_whole"), "taken", "signal"}, kAtStart);
  ExpectWell(taken.Execute());
  const auto profiles = CpuProfiles(taken);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_GT(profiles[0].In("Before"), 80);
  EXPECT_EQ(profiles[0].In("After"), 0);
  ProgramRun usr2({Program("signals_whole"), "usr2"}, "sample_interval=64k");
  ExpectWell(usr2.Execute());
  EXPECT_EQ(usr2.ProfileCount(), 3u);
}

// CPython keeps what sigaction says was there, and gives it back as it is.
TEST(DumpSignal, PythonSavesAndRestoresIt) {
  ProgramRun run({"/usr/bin/python3", "-c",
                  "import signal\nold = signal.signal(signal.SIGUSR2, signal.SIG_IGN)\n"
                  "assert old == signal.SIG_DFL\nsignal.signal(signal.SIGUSR2, old)\nprint('OK')"},
                 "");
  ExpectWell(run.Execute());
}

}  // namespace
}  // namespace heapprof::test
