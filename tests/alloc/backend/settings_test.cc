// SPDX-License-Identifier: Apache-2.0
// Settings of jemalloc, as MALLOC_CONF and the program itself give them.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tests/alloc/programs.h"
#include "tests/support/files.h"

namespace heapprof::test {
namespace {

// Both forms of the library, under MALLOC_CONF.
class SettingsTest : public testing::TestWithParam<const char*> {
 protected:
  static Result Run(const char* what, const char* settings) {
    Command command;
    command.argv = {Program(GetParam()), what};
    command.env = {{"HEAPPROF_OPTIONS", "sample_interval=4k"}, {"MALLOC_CONF", settings}};
    return RunProgram(command);
  }
};
INSTANTIATE_TEST_SUITE_P(Forms, SettingsTest,
                         testing::Values("jemalloc_settings_heapprof", "jemalloc_settings_heapprof_static"));

TEST_P(SettingsTest, MessagesGoWhereTheProgramWants) {
  Result result = Run("message", "");
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_NE(result.err.find("jemalloc statistics"), std::string::npos);
  EXPECT_EQ(result.err.find("bins:"), std::string::npos);  // of the second time, with all its parts
}

TEST_P(SettingsTest, ReallocToNothingFreesAllocatesOrAborts) {
  EXPECT_EQ(Run("zero_realloc", "").out, "kept 0 counted 100\nOK\n");
  EXPECT_EQ(Run("zero_realloc", "zero_realloc:free").out, "kept 0 counted 100\nOK\n");
  EXPECT_EQ(Run("zero_realloc", "zero_realloc:alloc").out, "kept 100 counted 100\nOK\n");
  Result result = Run("zero_realloc", "zero_realloc:abort");
  EXPECT_EQ(result.signal, SIGABRT) << result.Describe();
  EXPECT_NE(result.err.find("zero_realloc:abort"), std::string::npos) << result.Describe();
}

TEST_P(SettingsTest, DataThatCannotGrowLeavesErrnoAlone) {
  Result result = Run("blocked_data", "dss:primary");
  EXPECT_TRUE(result.ok()) << result.Describe();
}

// Of calls that are answered in line, too.
TEST_P(SettingsTest, ContentsThatJemallocGivesToBlocksAreInEach) {
  EXPECT_EQ(Run("contents", "zero:true").out, "00 00 00 00 00 00 00 00 \nOK\n");
  EXPECT_EQ(Run("contents", "junk:true").out, "a5 a5 a5 a5 a5 a5 a5 a5 \nOK\n");
}

// Each for itself: that one was emptied just now says nothing of another.
TEST_P(SettingsTest, ArenasAreEachEmptiedWhenTheirLastThreadsLeave) {
  EXPECT_EQ(Run("many_arenas", "dirty_decay_ms:-1").out, "16 of 16\nOK\n");
}

class ArenasTest : public SettingsTest {
 protected:
  void SetUp() override {
    online_ = sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t ours;
    ASSERT_EQ(sched_getaffinity(0, sizeof(ours), &ours), 0);
    if (CPU_COUNT(&ours) != online_ || sysconf(_SC_NPROCESSORS_CONF) != online_) {
      GTEST_SKIP() << "the tests run on a part of the processors";
    }
  }
  long online_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Forms, ArenasTest,
                         testing::Values("jemalloc_settings_heapprof", "jemalloc_settings_heapprof_static"));

TEST_P(ArenasTest, AreOneForFourProcessorsAndElseBelongToProcessors) {
  EXPECT_EQ(Run("arenas", "").out,
            online_ <= 4 ? "disabled 1\nOK\n" : "percpu " + std::to_string(online_) + "\nOK\n");
}

TEST_P(ArenasTest, HaveBinsForEachOfFourProcessors) {
  const std::string shards = std::to_string(std::min(online_, 4L));
  EXPECT_EQ(Run("bins", "").out, shards + " " + shards + " 0\nOK\n");
  EXPECT_EQ(Run("bins", "bin_shards:1-64:3").out, "3 " + shards + " 0\nOK\n");
  EXPECT_EQ(Run("bins", "narenas:2").out, "1 1 0\nOK\n");
}

TEST_P(ArenasTest, ThatSomebodyCountsOrWantsOtherwiseAreAsHeSays) {
  EXPECT_EQ(Run("arenas", "narenas:3").out, "disabled 3\nOK\n");
  if (online_ > 1) {  // jemalloc's own number of them for each processor is four
    EXPECT_EQ(Run("arenas", "narenas_ratio:2").out, "disabled " + std::to_string(online_ * 2) + "\nOK\n");
  }
  EXPECT_EQ(Run("arenas", "percpu_arena:percpu").out,
            "percpu " + std::to_string(online_) + ", no way back\nOK\n");
  EXPECT_EQ(Run("arenas", "percpu_arena:disabled").out.substr(0, 9), "disabled ");
}

// A machine with eight processors, or so it seems.
class ManyProcessorsTest : public testing::Test {
 protected:
  static Command Make(const char* what) {
    Command command;
    command.argv = {Program("jemalloc_settings_many"), what};
    return command;
  }
  void SetUp() override {
    cpu_set_t ours;
    if (sched_getaffinity(0, sizeof(ours), &ours) != 0 || !CPU_ISSET(0, &ours) || !CPU_ISSET(1, &ours)) {
      GTEST_SKIP() << "the first two processors are not ours";
    }
  }
};

TEST_F(ManyProcessorsTest, HaveAnArenaEach) {
  EXPECT_EQ(RunProgram(Make("arenas")).out, "percpu 8\nOK\n");
  EXPECT_EQ(RunProgram(Make("count_arenas")).out, "2\nOK\n");
  EXPECT_EQ(RunProgram(Make("bins")).out, "4 4 1234\nOK\n") << "or the program's own settings are lost";
}

// jemalloc would say that it cannot.
TEST_F(ManyProcessorsTest, HaveNoArenasOfTheirOwnForAProcessThatIsTiedToAPart) {
  Command command;
  command.argv = {Program("jemalloc_settings_part"), "arenas"};
  Result result = RunProgram(command);
  EXPECT_EQ(result.out.substr(0, 9), "disabled ") << result.Describe();
  EXPECT_EQ(result.err, "");
}

// Whose filter of system calls lets it open no file any more may make threads all the same.
TEST_F(ManyProcessorsTest, AskTheGroupsBeforeAFilterOfSystemCalls) {
  for (const char* how : {"confined", "confined_by_syscall"}) {
    Result result = RunProgram(Make(how));
    EXPECT_TRUE(result.ok()) << how << ": " << result.Describe();
  }
}

// Pages that are given back each time are faulted in again each time. (-1: none goes back by its age.)
TEST_F(ManyProcessorsTest, EmptyTheirArenasNowAndThenWhenLastThreadsLeave) {
  Command command = Make("last_threads");
  command.env = {{"MALLOC_CONF", "dirty_decay_ms:-1"}};
  EXPECT_EQ(RunProgram(command).out, "now and then, and again later\nOK\n");
}

TEST_F(ManyProcessorsTest, HaveOneArenaWhereAGroupMayUseFewOfThem) {
  constexpr int kCannot = 125;
  TempDir dir;
  Command command = Make("count_arenas");
  command.before_exec = [v1 = dir / "v1", v2 = dir / "v2"] {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
        (mount(v1.c_str(), "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", nullptr, MS_BIND, nullptr) != 0 &&
         mount(v2.c_str(), "/sys/fs/cgroup/cpu.max", nullptr, MS_BIND, nullptr) != 0)) {
      _exit(kCannot);
    }
  };
  for (const std::string quota : {"150000", "400000", "450000"}) {
    WriteFile(dir / "v1", quota + "\n");
    WriteFile(dir / "v2", quota + " 100000\n");
    Result result = RunProgram(command);
    if (result.exit_status == kCannot) GTEST_SKIP() << "no mount namespace, or no group that can be limited";
    EXPECT_EQ(result.out, quota == "450000" ? "2\nOK\n" : "1\nOK\n") << quota << result.Describe();
  }
}

// jemalloc would say so on stderr, or end the process.
TEST_P(ArenasTest, BelongToNoneInAProcessThatIsTiedToAPart) {
  if (online_ < 2) GTEST_SKIP() << "one processor";
  Command command;
  command.argv = {Program(GetParam()), "arenas"};
  command.env = {{"MALLOC_CONF", "abort:true,abort_conf:true"}};
  command.before_exec = [] {
    cpu_set_t ours;
    sched_getaffinity(0, sizeof(ours), &ours);
    for (size_t cpu = 0;; ++cpu) {
      if (!CPU_ISSET(cpu, &ours)) continue;
      CPU_CLR(cpu, &ours);
      break;
    }
    sched_setaffinity(0, sizeof(ours), &ours);
  };
  Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out.substr(0, 9), "disabled ") << result.out;
  EXPECT_EQ(result.err, "");
}

TEST_P(SettingsTest, CachesOfMoreThreadsAreEmptiedMoreOften) {
  EXPECT_EQ(Run("caches", "").out, "3 1048576 65536 1048576\nOK\n");
  EXPECT_EQ(Run("caches", "narenas:1").out, "3 1048576 65536 1048576\nOK\n");
}

TEST_P(SettingsTest, CachesThatSomebodySetsAreAsHeSays) {
  EXPECT_EQ(Run("caches", "tcache_gc_incr_bytes:32768").out, "3 32768 32768 32768\nOK\n");
  EXPECT_EQ(Run("caches", "lg_tcache_nslots_mul:0").out, "0 1048576 65536 1048576\nOK\n");
}

TEST_P(SettingsTest, AnInfallibleNewAborts) {
  EXPECT_TRUE(Run("new", "").ok());
  Result result = Run("new", "experimental_infallible_new:true");
  EXPECT_EQ(result.signal, SIGABRT) << result.Describe();
  EXPECT_NE(result.err.find("experimental_infallible_new"), std::string::npos) << result.Describe();
}

// It would show in the figures that jemalloc itself prints.
TEST(ProfilerSettingsTest, NoKeyTurnsJemallocsOwnProfilerOn) {
  for (const std::string key : {"prof:true", "prof_leak:true", "prof_leak_error:true,prof_final:true"}) {
    TempDir dir;
    Command command = Under(dir, {Program("own_settings")}, "output=x");
    command.directory = dir.path();
    command.env.push_back({"MALLOC_CONF", key + ",narenas:3"});
    Result result = RunProgram(command);
    EXPECT_EQ(result.err.find("error"), std::string::npos) << result.Describe();
    EXPECT_EQ(result.out, "narenas 3 prof 1 jemalloc's 0\nOK\n") << key;
  }
}

TEST(ProfilerSettingsTest, ThoseOfTheProgramActAndTheVariableStandsOverThem) {
  TempDir dir;
  Result result = RunProgram(Under(dir, {Program("own_settings")}, ""));
  ASSERT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, "narenas 3 prof 1 jemalloc's 0\nOK\n");
  EXPECT_EQ(result.err, "");
  Command command = Under(dir, {Program("own_settings")}, "");
  command.env.push_back({"MALLOC_CONF", "narenas:5,prof:false"});
  result = RunProgram(command);
  ASSERT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, "narenas 5 prof 0 jemalloc's 0\nOK\n");
  EXPECT_EQ(result.err, "");
}

// For every program on it.
TEST(ProfilerSettingsTest, ThoseOfTheMachineActToo) {
  TempDir etc;
  ASSERT_EQ(symlink("prof:true,prof_stats:true,zero_realloc:alloc,narenas:2", (etc / "malloc.conf").c_str()),
            0);
  constexpr int kCannot = 125;
  const auto run = [&](const char* what) {
    Command command;
    command.argv = {Program("jemalloc_settings_heapprof"), what};
    command.env = {{"HEAPPROF_OPTIONS", ""}};
    command.before_exec = [from = etc.path()] {
      if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
          mount(from.c_str(), "/etc", nullptr, MS_BIND, nullptr) != 0) {
        _exit(kCannot);
      }
    };
    return RunProgram(command);
  };
  Result result = run("zero_realloc");
  if (result.exit_status == kCannot) GTEST_SKIP() << "no mount namespace can be had";
  EXPECT_EQ(result.out, "kept 100 counted 100\nOK\n") << result.Describe();
  EXPECT_EQ(result.err,
            "heapprof: settings of jemalloc that heapprof has no counterpart of are ignored: prof_stats\n");
  EXPECT_EQ(run("bins").out, "1 1 0\nOK\n") << "as jemalloc has them, whose arenas are chosen";
}

}  // namespace
}  // namespace heapprof::test
