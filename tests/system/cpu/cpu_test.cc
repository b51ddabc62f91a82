// SPDX-License-Identifier: Apache-2.0
// CPU profiles of programs whose use of CPU time is known.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <sstream>

#include "tests/system/programs/hazard.h"

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
    std::istringstream lines(run.result().out);
    std::string name;
    for (double nanos; lines >> name >> nanos;) used_[name] = nanos;
    heap_ = run.Profiles();
  }
  double Percent(int64_t part) const {
    return 100.0 * static_cast<double>(part) / static_cast<double>(profile_->Total());
  }
  // What a function used, by the clocks of the threads that ran it, of what the process used.
  double Truth(const std::string& function) const { return 100.0 * used_.at(function) / used_.at("all"); }
  double Periods(const std::string& used) const { return used_.at(used) * 1e-9 * GetParam().hz; }

  std::unique_ptr<CountProfile> profile_;
  std::vector<HeapProfile> heap_;
  std::map<std::string, double> used_;  // nanoseconds
};
INSTANTIATE_TEST_SUITE_P(Hz, Shares,
                         testing::Values(Rate{100, "timer"}, Rate{1000, "timer"}, Rate{1000, "event"}),
                         [](const auto& info) { return std::to_string(info.param.hz) + info.param.clock; });

TEST_P(Shares, OfThreadsAndFunctionsAreWithinTwoPoints) {
  Execute("shares", 4000 * SoakFactor());
  for (const char* thread : {"Ten", "Twenty", "Thirty", "Forty"}) {
    EXPECT_NEAR(Percent(profile_->In(thread)), Truth(thread), 1) << thread;
  }
  // A quarter of n independent places scatters. On a busy machine the kernel looks at a timer less often, and
  // then one place stands for much.
  const double places = atof(profile_->Comment("effective-samples").c_str());
  const double deviation = 100 * std::sqrt(0.25 * 0.75 / places);
  EXPECT_NEAR(Percent(profile_->In("Light")), Truth("Light"), std::max(2.0, 4.5 * deviation));
  EXPECT_NEAR(static_cast<double>(profile_->Total()), Periods("all"), 0.02 * Periods("all"));
  EXPECT_EQ(profile_->Comment("lost-samples"), "0");
  EXPECT_EQ(profile_->proto().period(), 1'000'000'000 / GetParam().hz);
  EXPECT_GT(profile_->proto().duration_nanos(), 1'000'000'000);
}

// A thread of 3 ms has 0.3 periods at 100 Hz: counted by chance, and by the right one.
TEST_P(Shares, OfThreadsThatLiveForLessThanAPeriodAreCountedFromBirth) {
  const int threads = 600 * SoakFactor();
  Execute("births", threads);
  // The first tick is uniform in a period: each thread's count varies by at most a half.
  const double whole = 4 * 0.5 * std::sqrt(threads), third = 4 * 0.5 * std::sqrt(threads / 3);
  EXPECT_NEAR(static_cast<double>(profile_->Total()), Periods("all"), std::max(whole, 0.02 * Periods("all")));
  for (const char* start : {"LiveForOne", "LiveForThree", "LiveForSix"}) {
    EXPECT_NEAR(static_cast<double>(profile_->In(start)), Periods(start), third) << start;
  }
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

// Eight threads on one processor, 4 s. With a tick for each period of 1 ms no function of a thread is seen
// more than 3 points off; one place may stand for more where events are dear, but not for as much as between
// two ticks of the kernel, which finds some of these threads seldom.
class BusyShares : public Shares {};
INSTANTIATE_TEST_SUITE_P(Hz, BusyShares, testing::Values(Rate{1000, "event"}, Rate{1000, "auto"}),
                         [](const auto& info) { return std::to_string(info.param.hz) + info.param.clock; });

TEST_P(BusyShares, OfEachThreadHavePlacesEnough) {
  const bool chosen = GetParam().clock == std::string("auto");
  Execute("busy", (chosen ? 250 : 500) * SoakFactor());
  if (profile_->Comment("cpu-clock") != "perf cpu-clock") GTEST_SKIP() << "no perf events here, or too dear";
  EXPECT_NEAR(static_cast<double>(profile_->Total()), Periods("all"), 0.02 * Periods("all"));
  EXPECT_GT(atof(profile_->Comment("effective-samples").c_str()),
            0.25 * static_cast<double>(profile_->Total()));
  if (chosen) return;
  std::map<std::string, std::pair<double, double>> threads;  // periods in Light, and in all
  for (const auto& sample : profile_->proto().sample()) {
    const std::vector<std::string> stack = profile_->Stack(sample);
    const bool light = std::find(stack.begin(), stack.end(), "Light") != stack.end();
    for (const auto& label : sample.label()) {
      if (profile_->Text(label.key()) != "thread") continue;
      auto& [in_light, in_all] = threads[profile_->Text(label.str())];
      in_all += static_cast<double>(sample.value(0));
      if (light) in_light += static_cast<double>(sample.value(0));
    }
  }
  ASSERT_EQ(threads.size(), 8u);
  double worst = 0;
  for (const auto& [thread, periods] : threads) {
    worst = std::max(worst, std::abs(100 * periods.first / periods.second - 25));
  }
  RecordProperty("worst_points", std::to_string(worst));
  EXPECT_LT(worst, 3);
}

}  // namespace
}  // namespace heapprof::test
