// CPU profiles of programs whose use of CPU time is known.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <memory>

#include "tests/programs/hazard.h"

namespace heapprof::test {
namespace {

struct Rate {
  int hz;
  const char* clock;
};

class Shares : public testing::TestWithParam<Rate> {
 protected:
  // Runs a mode of the program `shares`.
  void Execute(const std::string& mode, int amount, const std::string& copy = "") {
    ProgramRun run(
        {Program("shares"), mode, "cpu.out", std::to_string(GetParam().hz), std::to_string(amount)},
        std::string("sample_interval=64k:seed=1:cpu_clock=") + GetParam().clock);
    ExpectWell(run.Execute());
    profile_ = std::make_unique<CountProfile>(ReadFile(run.dir() / "cpu.out"));
    ASSERT_EQ(profile_->error(), "");
    if (!copy.empty()) WriteFile(copy, ReadFile(run.dir() / "cpu.out"));
    milliseconds_ = atol(run.result().out.c_str());
    heap_ = run.Profiles();
  }
  double ProfiledMilliseconds() const { return 1e3 * static_cast<double>(profile_->Total()) / GetParam().hz; }
  double Percent(int64_t part) const {
    return 100.0 * static_cast<double>(part) / static_cast<double>(profile_->Total());
  }

  std::unique_ptr<CountProfile> profile_;
  std::vector<HeapProfile> heap_;
  long milliseconds_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Hz, Shares,
                         testing::Values(Rate{100, "timer"}, Rate{1000, "timer"}, Rate{1000, "event"}),
                         [](const auto& info) { return std::to_string(info.param.hz) + info.param.clock; });

TEST_P(Shares, OfThreadsAndFunctionsAreWithinTwoPoints) {
  Execute("shares", 4000 * SoakFactor());
  // The contract is for 20 s, which the long form takes; four seconds beside other work were seen 2.3 points
  // off.
  const double bound = SoakFactor() < 5 ? 4 : 2;
  EXPECT_NEAR(Percent(profile_->In("Ten")), 10, bound);
  EXPECT_NEAR(Percent(profile_->In("Twenty")), 20, bound);
  EXPECT_NEAR(Percent(profile_->In("Thirty")), 30, bound);
  EXPECT_NEAR(Percent(profile_->In("Forty")), 40, bound);
  // A quarter of n independent samples scatters; timers give no more of those than the kernel has ticks.
  const double a_second =
      std::string(GetParam().clock) == "timer" ? std::min(GetParam().hz, 250) : GetParam().hz;
  const double deviation =
      100 * std::sqrt(0.25 * 0.75 / (a_second * static_cast<double>(milliseconds_) / 1000));
  EXPECT_NEAR(Percent(profile_->In("Light")), 25, SoakFactor() < 5 ? std::max(4.0, 4.5 * deviation) : 2);
  EXPECT_NEAR(ProfiledMilliseconds(), static_cast<double>(milliseconds_),
              0.02 * static_cast<double>(milliseconds_));
  EXPECT_EQ(profile_->Comment("lost-samples"), "0");
  EXPECT_EQ(profile_->proto().period(), 1'000'000'000 / GetParam().hz);
  EXPECT_GT(profile_->proto().duration_nanos(), 1'000'000'000);
}

// A thread of 3 ms has 0.3 periods at 100 Hz: counted by chance, and by the right one.
TEST_P(Shares, OfThreadsThatLiveForLessThanAPeriodAreCountedFromBirth) {
  const int threads = 300 * SoakFactor();
  Execute("births", threads);
  const double periods = static_cast<double>(milliseconds_) * GetParam().hz / 1000;
  // The first tick is uniform in a period: each thread's count varies by at most a half.
  EXPECT_NEAR(static_cast<double>(profile_->Total()), periods, 4 * 0.5 * std::sqrt(threads) + 2);
  // The kernel's tick of some milliseconds, which timers keep to, mostly comes too late: the thread's end
  // tells then.
  EXPECT_GT(Percent(profile_->In("ShortLife")), std::string(GetParam().clock) == "timer" ? 10 : 50);
  EXPECT_GT(atol(profile_->Comment("periods-at-thread-ends").c_str()), 0);
}

TEST_P(Shares, LabelsAreOnCpuAndHeapSamplesAndAreInherited) {
  Execute("labels", 400);
  EXPECT_NEAR(Percent(profile_->Labelled("request", "list")), 50, 10);
  EXPECT_NEAR(Percent(profile_->Labelled("request", "get")), 50, 10);
  EXPECT_EQ(profile_->Labelled("tenant", "a"), profile_->Labelled("request", "get"));
  ASSERT_EQ(heap_.size(), 1u);
  int labelled = 0;
  for (const auto& sample : heap_[0].proto().sample()) {
    for (const auto& label : sample.label()) {
      if (heap_[0].Text(label.key()) != "request") continue;
      EXPECT_EQ(heap_[0].Text(label.str()), "get");
      ++labelled;
    }
  }
  EXPECT_GT(labelled, 0);
}

TEST_P(Shares, PprofNamesInlinedLeaves) {
  TempDir dir;
  Execute("shares", 1000, dir / "cpu.pb.gz");
  Command command;
  command.argv = {PPROF, "-top", "-nodecount=3", dir / "cpu.pb.gz"};
  command.env = {{"PPROF_TMPDIR", dir.path()}};
  const Result result = RunProgram(command);
  ASSERT_TRUE(result.ok()) << result.Describe();
  const size_t table = result.out.find("cum%\n");
  ASSERT_NE(table, std::string::npos) << result.out;
  // "Spin (inline)" where all of its copies are inlined.
  const std::string first = result.out.substr(table + 5, result.out.find('\n', table + 5) - table - 5);
  EXPECT_NE(first.find("  Spin"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace heapprof::test
