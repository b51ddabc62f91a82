// SPDX-License-Identifier: Apache-2.0
// The dump signal: what it may not disturb, many of it, other signals, handlers of the program's own.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>

#include <algorithm>
#include <set>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

class Signal : public AtInterval {
 protected:
  // The number after `word` in the program's output; -1 without.
  static long Printed(const Result& result, const std::string& word) {
    const size_t at = result.out.find(word + " ");
    return at == std::string::npos ? -1 : atol(result.out.c_str() + at + word.size() + 1);
  }
  // The names h.PID.0001 to h.PID.COUNT, without a gap.
  static void ExpectNumbered(const ProgramRun& run, size_t count) {
    std::set<int> numbers;
    for (const std::string& path : FindProfiles(run.dir().path())) {
      int pid = 0, number = 0;
      EXPECT_EQ(sscanf(path.c_str() + run.dir().path().size(), "/h.%d.%d.", &pid, &number), 2) << path;
      numbers.insert(number);
    }
    ASSERT_EQ(numbers.size(), count);
    EXPECT_EQ(*numbers.begin(), 1);
    EXPECT_EQ(*numbers.rbegin(), static_cast<int>(count));
  }
};
INTERVALS(Signal);

TEST_P(Signal, BlockedCallsGoOn) {
  auto run = Hazard({Program("blocked_calls"), std::to_string(30 * SoakFactor())}, "", 60 * SoakFactor());
  ExpectRunsWell(run.get());
  run->Profiles();
  if (!Bare()) ExpectNumbered(*run, 3 * 30 * SoakFactor());
}

TEST_P(Signal, StormUnderAllocation) {
  const int signals = GetParam() == "512k" ? 200 * SoakFactor() : 50 * SoakFactor();
  auto run = Hazard({Program("signal_storm"), "process", std::to_string(signals)}, "", 100 * SoakFactor());
  ExpectRunsWell(run.get());
  run->Profiles();
  if (Bare()) return;
  const long dumps = Printed(run->result(), "dumps");
  EXPECT_GE(dumps, signals + 1);
  ExpectNumbered(*run, static_cast<size_t>(dumps));
}

TEST_P(Signal, BurstIsMerged) {
  const int signals = 4000 * SoakFactor();
  auto run = Hazard({Program("signal_storm"), "burst", std::to_string(signals)}, "", 100 * SoakFactor());
  ExpectRunsWell(run.get());
  run->Profiles();
  if (Bare()) return;
  const long dumps = Printed(run->result(), "dumps");
  EXPECT_GE(dumps, 2);
  EXPECT_LT(dumps, signals);
  ExpectNumbered(*run, static_cast<size_t>(dumps));
}

TEST_P(Signal, DumpCallsNoMallocAndTouchesLittle) {
  auto run = Hazard({Program("quiet_dump"), "17"}, "", 100);
  ExpectRunsWell(run.get());
  run->Profiles();
  if (Bare()) return;
  for (const char* way : {"signal", "call", "heap", "allocs"}) {
    double seconds = 0;
    long touched = -1;
    const size_t at = run->result().out.find(std::string(way) + " seconds");
    ASSERT_NE(at, std::string::npos) << run->result().out;
    ASSERT_EQ(sscanf(run->result().out.c_str() + at + strlen(way), " seconds %lf touched_kib %ld", &seconds,
                     &touched),
              2);
    EXPECT_LE(touched, 4096) << way;
    EXPECT_LE(seconds, 1.0) << way << ", " << Printed(run->result(), "buckets") << " buckets";
  }
  if (GetParam() == "1") {
    EXPECT_GE(Printed(run->result(), "buckets"), 1 << 17);
  }
}

TEST(SignalOption, ZeroKeepsTheDefaultEffect) {
  ProgramRun run({Program("plain"), "signal"}, "dump_signal=0");
  EXPECT_EQ(run.Execute().signal, SIGUSR2) << run.result().Describe();
  EXPECT_EQ(run.ProfileCount(), 0u);
}

TEST(SignalOption, AnotherSignal) {
  ProgramRun run({Program("own_handler"), "none", std::to_string(SIGUSR1)},
                 "dump_signal=SIGUSR1:sample_interval=1");
  ExpectWell(run.Execute());
  const std::vector<HeapProfile> profiles = run.Profiles();
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_EQ(profiles[0].In("main").inuse_space, 100000);
}

TEST(SignalOption, AnotherSignalLeavesSigusr2Alone) {
  ProgramRun run({Program("own_handler"), "none", std::to_string(SIGUSR2)}, "dump_signal=SIGUSR1");
  EXPECT_EQ(run.Execute().signal, SIGUSR2) << run.result().Describe();
}

TEST(SignalOption, HandlerInstalledFirstIsLeftAlone) {
  ProgramRun run({Program("own_handler"), "early"}, "sample_interval=1");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.ProfileCount(), 0u);
}

TEST(SignalOption, HandlerInstalledLaterTakesOver) {
  ProgramRun run({Program("own_handler"), "late"}, "sample_interval=1");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.ProfileCount(), 0u);
}

TEST(SignalOption, HandlerOfTheProgramBesideAnotherSignal) {
  ProgramRun run({Program("own_handler"), "early", std::to_string(SIGUSR1)},
                 "dump_signal=SIGUSR1:sample_interval=1");
  ExpectWell(run.Execute());
  EXPECT_EQ(run.Profiles().size(), 1u);
}

}  // namespace
}  // namespace heapprof::test
