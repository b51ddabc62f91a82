// SPDX-License-Identifier: Apache-2.0
// Wall-clock profiles: where threads are, running or not, and that nobody is disturbed.
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

std::vector<CountProfile> WallProfiles(const ProgramRun& run) {
  std::vector<CountProfile> profiles;
  for (const std::string& name : ListDir(run.dir().path())) {
    constexpr char kSuffix[] = ".wall.pb.gz";
    const size_t at = name.rfind(kSuffix);
    if (at == std::string::npos || at + sizeof kSuffix - 1 != name.size()) continue;
    profiles.emplace_back(ReadFile(run.dir() / name));
    EXPECT_EQ(profiles.back().error(), "") << name;
  }
  return profiles;
}

// The profile of a program that has one, which ran as well bare.
CountProfile OneProfile(const std::vector<std::string>& argv, const std::string& options = "") {
  std::vector<std::string> whole = argv;
  whole[0] = Program(argv[0]);
  ProgramRun run(whole, options);
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
  std::vector<CountProfile> profiles = WallProfiles(run);
  EXPECT_EQ(profiles.size(), 1u);
  return profiles.empty() ? CountProfile("") : std::move(profiles[0]);
}

// `timed` has lines "function nanoseconds".
void ExpectShares(const CountProfile& profile, const std::string& timed, double period) {
  std::istringstream lines(timed);
  const auto total = static_cast<double>(profile.Total());
  std::string name;
  double nanos;
  int functions = 0;
  while (lines >> name && name != "OK" && lines >> nanos) {
    const double share = static_cast<double>(profile.In(name)) / total;
    EXPECT_NEAR(share, nanos / period / total, 0.02) << name << "\n" << timed << profile.Comments();
    ++functions;
  }
  EXPECT_EQ(functions, 4);
}

void ExpectWellBare(const std::vector<std::string>& argv) {
  std::vector<std::string> whole = argv;
  whole[0] = Program(argv[0]);
  ProgramRun bare(whole, "");
  bare.command().env.clear();
  ExpectWell(bare.Execute());
}

// HEAPPROF_SOAK makes it 20 s. Where other work keeps the watcher from its processor for long, once more.
TEST(Wall, SharesAreThoseThatTheThreadsTimed) {
  const bool soak = std::getenv("HEAPPROF_SOAK") != nullptr;
  const int hz = soak ? 100 : 1000;
  constexpr int kTries = 4;
  for (int tries = 1;; ++tries) {
    ProgramRun run({Program("wall_waits"), "shares", std::to_string(hz), soak ? "20000" : "1500"}, "");
    ExpectWell(run.Execute());
    const std::vector<CountProfile> profiles = WallProfiles(run);
    ASSERT_EQ(profiles.size(), 1u);
    const CountProfile& profile = profiles[0];
    EXPECT_EQ(profile.Comment("truncated-stacks"), "0");
    EXPECT_EQ(profile.Comment("lost-samples"), "0");
    const auto total = static_cast<double>(profile.Total());
    constexpr double kThreads = 4;
    const int late = std::atoi(profile.Comment("late-ticks").c_str());
    if (late > 0.1 * total / kThreads) {
      if (tries < kTries) continue;
      GTEST_SKIP() << "other work has the processors: the watcher came late to " << late << " ticks";
    }
    ExpectShares(profile, run.result().out, 1e9 / hz);
    // What they wait for.
    const auto near = [&](int64_t count, const std::string& function) {
      EXPECT_NEAR(static_cast<double>(count), static_cast<double>(profile.In(function)), 0.05 * total)
          << function;
    };
    near(profile.Labelled("wait", "read"), "ReadPipe");
    EXPECT_EQ(profile.Labelled("state", "running") + profile.Labelled("state", "waiting"), profile.Total());
    EXPECT_GT(profile.Labelled("wait", "sleep"), 0);
    EXPECT_GT(profile.Labelled("wait", "lock"), 0);
    return;
  }
}

TEST(Wall, ThreadsHaveTheirOwnLabels) {
  const CountProfile profile = OneProfile({"wall_waits", "labels"});
  for (const char* route : {"list", "show"}) {
    // 300 ms at 200 Hz, which may take longer.
    EXPECT_GE(profile.Labelled("route", route), 50) << route;
  }
  EXPECT_GT(profile.Labelled("wait", "sleep"), 100);
}

TEST(Wall, CallsOfEightKindsAreNotDisturbed) {
  ExpectWellBare({"wall_waits", "calls"});
  const CountProfile profile = OneProfile({"wall_waits", "calls"});
  // They were stopped, as nothing else tells where they are.
  EXPECT_GE(std::atoi(profile.Comment("stops").c_str()), 8);
  EXPECT_EQ(profile.Comment("truncated-stacks"), "0");
  for (const char* kind : {"sleep", "poll", "lock", "read", "receive", "signal"}) {
    EXPECT_GE(profile.Labelled("wait", kind), 200) << kind;
  }
}

TEST(Wall, AProgramOfOneThreadIsAloneStill) {
  ExpectWellBare({"wall_watched", "alone"});
  ProgramRun run({Program("wall_watched"), "alone"}, "");
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
}

TEST(Wall, NoProcessKeepsTheRightsThatTheProgramGivesUp) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has rights to give up";
  ExpectWellBare({"wall_watched", "dropped"});
  ProgramRun run({Program("wall_watched"), "dropped"}, "");
  ExpectWell(run.Execute());
}

TEST(Wall, ThreadsThatLiveForLessThanATick) {
  const CountProfile profile = OneProfile({"wall_watched", "churn", "2000"});
  EXPECT_GT(profile.In("Work"), 50);
  EXPECT_GT(profile.Total(), 100);
  // Threads stand between the system call that made them and their first frame, and their makers behind it.
  EXPECT_EQ(profile.Comment("truncated-stacks"), "0");
}

TEST(Wall, ChildrenHaveNoProfile) {
  const CountProfile profile = OneProfile({"wall_watched", "forks"});
  EXPECT_GT(profile.In("Work"), 10);
}

TEST(Wall, ExecIsTheEndOfTheWatcher) {
  ProgramRun run({Program("wall_watched"), "exec"}, "");
  ExpectWell(run.Execute());
}

TEST(Wall, ErrorsOfTheInterface) {
  const CountProfile profile = OneProfile({"wall_watched", "api"});
  EXPECT_GT(profile.In("Work"), 5);
  EXPECT_EQ(profile.Comment("wall-hz"), "1000");
}

TEST(Wall, BesideACpuProfile) {
  ProgramRun run({Program("wall_watched"), "both"}, "");
  ExpectWell(run.Execute());
  const std::vector<CountProfile> wall = WallProfiles(run);
  ASSERT_EQ(wall.size(), 1u);
  EXPECT_GT(wall[0].In("Work"), 150);
  const CountProfile cpu(ReadFile(run.dir() / "both.cpu.pb.gz"));
  ASSERT_EQ(cpu.error(), "");
  EXPECT_GT(cpu.In("Work"), 200);
}

TEST(Wall, ThatAProgramConfinesItselfEndsIt) {
  ProgramRun run({Program("wall_watched"), "confined"}, "");
  ExpectWell(run.Execute());
  ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
  EXPECT_NE(run.Said()[0].find("confined itself by seccomp"), std::string::npos) << run.Said()[0];
  const std::vector<CountProfile> profiles = WallProfiles(run);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_GE(profiles[0].In("Work"), 15);
}

TEST(Wall, AProgramThatWasStoppedWaitedForNoMemory) {
  const CountProfile profile = OneProfile({"wall_watched", "stopped"});
  EXPECT_GE(profile.Labelled("wait", "stopped"), 20) << profile.Comments();
  EXPECT_LE(profile.Labelled("wait", "memory"), 2);
}

TEST(Wall, AProgramThatWasStoppedInACallDidNotWaitForThat) {
  const CountProfile profile = OneProfile({"wall_watched", "halted_in_call"});
  EXPECT_GE(profile.Labelled("wait", "stopped"), 20) << profile.Comments();
  EXPECT_GE(profile.Labelled("wait", "sleep"), 10);
}

// strace's loop ends by ECHILD alone.
TEST(Wall, WhoWaitsForChildrenOfAllKindsNeverSeesTheWatcher) {
  ExpectWellBare({"wall_watched", "all_waits"});
  ProgramRun run({Program("wall_watched"), "all_waits"}, "");
  ExpectWell(run.Execute());
  ASSERT_EQ(run.Said().size(), 1u) << run.result().err;
  EXPECT_NE(run.Said()[0].find("waits for children of all kinds"), std::string::npos) << run.Said()[0];
  const std::vector<CountProfile> profiles = WallProfiles(run);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_GE(profiles[0].In("Work"), 30);
}

TEST(Wall, WhereNobodyMayTraceThreadsWalkThemselves) {
  for (const char* mode : {"untraced", "sandboxed"}) {
    SCOPED_TRACE(mode);
    ExpectWellBare({"wall_watched", mode});
    const CountProfile profile = OneProfile({"wall_watched", mode});
    EXPECT_EQ(profile.Comment("truncated-stacks"), "0");
    EXPECT_EQ(profile.Comment("refused-stops"), "0");
    EXPECT_GE(profile.In("Work"), 40);
    EXPECT_GE(profile.In("WorkOn"), 40);
    EXPECT_GE(profile.In("ShortLife"), 30);
    EXPECT_GE(profile.Labelled("state", "waiting"), 60);
    EXPECT_GE(profile.Labelled("state", "running"), 30);
    // Who sleeps is asked once each time that it goes to sleep.
    EXPECT_LT(std::atoi(profile.Comment("stops").c_str()), profile.Total());
  }
}

TEST(Wall, LibrariesThatAreUnloadedKeepTheirNames) {
  const CountProfile profile = OneProfile({"wall_watched", "unload"});
  // 100 ms at 1000 Hz, or more.
  EXPECT_GE(profile.In("WaitInModule"), 50);
  EXPECT_EQ(profile.Comment("truncated-stacks"), "0");
}

TEST(Wall, BesideLeakChecks) {
  const CountProfile profile = OneProfile({"wall_watched", "checks"}, "leak_check=unreachable");
  EXPECT_GT(profile.In("Work"), 20);
}

TEST(Wall, TheWatcherEndsWithAProgramThatIsKilled) {
  ProgramRun run({Program("wall_watched"), "unwatched"}, "");
  const Result& result = run.Execute();
  const int watcher = std::atoi(result.out.c_str());
  ASSERT_GT(watcher, 0) << result.Describe();
  // At 1 Hz it would not look for itself before a second is over.
  bool gone = false;
  for (int i = 0; i < 400 && !gone; ++i) {
    // Whoever has the program's children now may not wait for them.
    const std::string status = ReadFile("/proc/" + std::to_string(watcher) + "/status");
    gone = status.empty() || status.find("State:\tZ") != std::string::npos;
    const timespec pause = {0, 1'000'000};
    nanosleep(&pause, nullptr);
  }
  EXPECT_TRUE(gone);
}

TEST(Wall, ThreadsThatEndForAnExecPastLibcDoNotKeepItWaiting) {
  ProgramRun run({Program("wall_hard"), "rawexec", "25"}, "wall_at_start=1:wall_hz=4000");
  ExpectWell(run.Execute());
}

TEST(Wall, AWatcherThatSomebodyHasStoppedEnds) { OneProfile({"wall_hard", "halted"}); }

TEST(Wall, NoWatcherBeginsWhileAnotherThreadGivesUpRights) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has rights to give up";
  ProgramRun run({Program("wall_hard"), "twothreads"}, "");
  ExpectWell(run.Execute());
}

TEST(Wall, NoWatcherBeginsBesideAThreadThatGivesUpRights) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has rights to give up";
  ProgramRun run({Program("wall_hard"), "beginning"}, "");
  ExpectWell(run.Execute());
}

TEST(Wall, NoWatcherBeginsForAProfileThatEnds) { OneProfile({"wall_hard", "changing"}); }

TEST(Wall, OfAProgramThatHidesItsMemoryMeanwhile) {
  const CountProfile profile = OneProfile({"wall_hard", "hidden"});
  EXPECT_EQ(profile.Comment("refused-stops"), "0");
  EXPECT_GE(profile.In("Work"), 40);
}

TEST(Wall, AnotherUserForFilesIsNoEndOfTheProfile) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has rights to give up";
  EXPECT_GE(OneProfile({"wall_hard", "fileuser"}).In("Work"), 60);
}

TEST(Wall, OfAWholeRunByOption) {
  ProgramRun run({Program("wall_watched"), "alone"}, "wall_at_start=1:wall_hz=500");
  run.Execute();
  // The program's own start finds one running.
  EXPECT_NE(run.result().err.find("heapprof_start_wall_profile"), std::string::npos) << run.result().err;
  ProgramRun sleeper({"/bin/sleep", "0.2"}, "wall_at_start=1:wall_hz=500");
  EXPECT_EQ(sleeper.Execute().exit_status, 0);
  const std::vector<CountProfile> profiles = WallProfiles(sleeper);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_GE(profiles[0].Labelled("wait", "sleep"), 80);
  EXPECT_EQ(profiles[0].proto().sample_type_size(), 2);
}

}  // namespace
}  // namespace heapprof::test
