// SPDX-License-Identifier: Apache-2.0
// How `heapprof run` ends: what is written, what is told, and whose child is reaped.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "tests/support/files.h"
#include "tests/support/refused_calls.h"
#include "tests/support/under.h"
#include "tests/tools/made_profile.h"
#include "tools/profile/load.h"
#include "tools/report/summary.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class RunEnd : public testing::Test {
 protected:
  // `heapprof run --exit-dump --interval 1 ... -- PROGRAM` in a folder of its own.
  Command Of(const std::vector<std::string>& program, const std::vector<std::string>& options = {}) {
    Command command;
    command.argv = {HEAPPROF_COMMAND, "run", "--exit-dump", "--interval", "1"};
    command.argv.insert(command.argv.end(), options.begin(), options.end());
    command.argv.emplace_back("--");
    command.argv.insert(command.argv.end(), program.begin(), program.end());
    command.directory = dir_.path();
    return command;
  }
  TempDir dir_;
};

TEST_F(RunEnd, OneLineTellsOfEachProfile) {
  const Result result = RunProgram(Of({"bash", "-c", "exit 3"}, {"--cpu"}));
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_THAT(
      result.err,
      MatchesRegex("heapprof: heapprof\\.[0-9]+\\.0001\\.cpu\\.pb\\.gz: cpu [0-9.]+ [mn]?s(, most in .+)?\n"
                   "heapprof: heapprof\\.[0-9]+\\.0001\\.heap\\.pb\\.gz: inuse_space [0-9.]+ KiB, most in "
                   "[^(]+ \\([0-9.]+ KiB\\)\n"));
  EXPECT_EQ(RunProgram(Of({"bash", "-c", "exit 0"}, {"--quiet"})).err, "");
  Command no_names = Of({"bash", "-c", "exit 0"}, {"--no-symbolize"});
  EXPECT_EQ(RunProgram(no_names).err, "");
}

// Also where functions of a stripped file have no names: rows by where they begin.
TEST_F(RunEnd, TheLineNamesTheFirstRowOfTop) {
  const std::string err = RunProgram(Of({"/bin/ls", "/"})).err;
  const size_t name = err.find("most in ") + strlen("most in "), end = err.rfind(" (");
  ASSERT_LT(name, end) << err;
  const std::string file =
      err.substr(strlen("heapprof: "), err.find(": ", strlen("heapprof: ")) - strlen("heapprof: "));
  EXPECT_THAT(RunCommand({"top", "--limit", "1", dir_ / file}).out,
              HasSubstr("  " + err.substr(name, end - name) + "\n"));
}

// A program that cleans up behind itself holds nothing in the end: then it is told what it allocated.
TEST_F(RunEnd, OfNothingInUseWhatWasAllocatedIsTold) {
  pb::Profile made = MakeProfile();
  const auto summary = [&] {
    WriteFile(dir_ / "p", made.SerializeAsString());
    return tools::Summary(tools::LoadProfile(dir_ / "p"));
  };
  EXPECT_THAT(summary(), testing::StartsWith("inuse_space 2.0 KiB, most in "));
  // What is left may be a library's own.
  made.mutable_sample(0)->set_value(1, made.sample(0).value(1) + (64 << 10));
  EXPECT_THAT(summary(), testing::StartsWith("inuse_space 2.0 KiB; alloc_space 70.0 KiB, most in "));
  made.mutable_sample(0)->set_value(1, made.sample(0).value(1) - (64 << 10));
  for (pb::Sample& sample : *made.mutable_sample()) sample.set_value(3, 0);
  EXPECT_THAT(summary(), testing::StartsWith("inuse_space 0 B; alloc_space 6.0 KiB, most in "));
  for (pb::Sample& sample : *made.mutable_sample()) sample.set_value(1, 0);
  EXPECT_EQ(summary(), "inuse_space 0 B; alloc_space 0 B");
  // A small program allocates less than the interval: that is not nothing.
  made.clear_sample();
  EXPECT_EQ(summary(),
            "no block was sampled, as the program asked for little beside the interval of 512.0 KiB: "
            "--interval 1 records every block");
  made.set_period(1);
  EXPECT_EQ(summary(), "no block was recorded");
}

// The program's own comes first, wherever its number stands among those of its children, and these are not
// told without end.
TEST_F(RunEnd, OfManyProfilesSomeAreTold) {
  const Result result = RunProgram(Of({"bash", "-c", "echo $$; for i in {1..21}; do (exit 0); done; exit 0"},
                                      {"--output", "p.%p", "--interval", "512k"}));
  EXPECT_EQ(result.exit_status, 0);
  const std::string own = result.out.substr(0, result.out.find('\n'));
  EXPECT_THAT(result.err, testing::StartsWith("heapprof: p." + own + ".heap.pb.gz: "));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 21) << result.err;
  EXPECT_THAT(result.err, testing::EndsWith("\nheapprof: ... and 2 more profiles in " + dir_.path() + "\n"));
}

// A program that goes elsewhere leaves its profiles where the command was called.
TEST_F(RunEnd, ProfilesAreInTheFolderOfTheCommand) {
  const Result result = RunProgram(Of({"bash", "-c", "cd /; (cd /usr; exec /bin/true); exit 0"}));
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(ExpectGoodProfiles(dir_.path()).size(), 2u) << result.Describe();
}

// The status is that of the program, as a shell sees it; what was asked for is written before.
TEST_F(RunEnd, SignalsThatEndTheProgramAreFollowedByAProfile) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    SCOPED_TRACE(signal);
    TempDir dir;
    Command command = Of({"awk", "BEGIN { print \"ready\"; fflush(); getline < \"/dev/stdin\" }"}, {"--cpu"});
    command.directory = dir.path();
    command.argv.insert(command.argv.begin(), {"/bin/sh", "-c", "mkfifo in; exec \"$@\" <>in", "sh"});
    Process program(command);
    ASSERT_TRUE(program.WaitForOutput("ready"));
    kill(program.pid(), signal);
    const Result result = program.Wait();
    EXPECT_EQ(result.signal, signal) << result.Describe();
    EXPECT_EQ(FindProfiles(dir.path()).size(), 1u);
    EXPECT_THAT(result.err, HasSubstr(".heap.pb.gz: inuse_space "));
    EXPECT_THAT(result.err, HasSubstr(".cpu.pb.gz: cpu "));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 2) << result.err;
  }
}

TEST_F(RunEnd, WhatIsNotThereIsTold) {
  EXPECT_EQ(RunProgram(Of({"perl", "-e", "use POSIX; POSIX::_exit(4)"})).err,
            "heapprof: perl wrote no heap profile at its end: a program that ends by _exit does not, "
            "and one that cannot write says so\n");
  // Where the folder counts, or is missing, other lines have said so.
  for (const std::string folder : {"f%n", "missing"}) {
    const Result result = RunProgram(Of({"perl", "-e", "exit 3"}, {"--output", folder + "/p"}));
    EXPECT_EQ(result.exit_status, 3);
    EXPECT_THAT(result.err, testing::Not(HasSubstr("_exit"))) << folder;
  }
  EXPECT_EQ(RunProgram(Of({"/nowhere/x"})).err,
            "heapprof: cannot run /nowhere/x: No such file or directory\n");
}

TEST_F(RunEnd, AStaticProgramThatCarriesTheLibraryIsProfiled) {
  Command strip;
  strip.argv = {"strip", "-o", dir_ / "static", PROGRAMS_DIR "/dump_subject_whole"};
  if (!HaveProgram("strip") || !RunProgram(strip).ok()) GTEST_SKIP() << "strip is not installed";
  const Result result = RunProgram(Of({"./static"}));
  EXPECT_EQ(result.exit_status, 4);
  EXPECT_THAT(result.err,
              MatchesRegex("heapprof: heapprof\\.[0-9]+\\.0001\\.heap\\.pb\\.gz: inuse_space [^\n]+\n"));
}

TEST_F(RunEnd, ThatNothingWasAskedForIsTold) {
  const auto run = [&](std::vector<std::string> words) {
    Command command;
    command.argv = {HEAPPROF_COMMAND, "run"};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    command.directory = dir_.path();
    return RunProgram(command).err;
  };
  EXPECT_EQ(run({"true"}),
            "heapprof: no profile was asked for: --exit-dump asks for one at the end, heapprof dump PID for "
            "one before\n");
  EXPECT_EQ(run({"--quiet", "true"}), "");
  EXPECT_EQ(run({"--option", "leak_check=live", "true"}), "");
  EXPECT_THAT(run({"bash", "-c", "kill -USR2 $$; exit 3"}), testing::Not(HasSubstr("was asked")));
}

// What of `file` has names; 0 while it is not there.
int FunctionsIn(const std::string& file) {
  return access(file.c_str(), F_OK) != 0 ? 0 : ReadProfile(file).proto().function_size();
}

bool Lives(const std::string& pid) { return access(("/proc/" + pid).c_str(), F_OK) == 0; }

constexpr const char* kDaemon =
    "import os, signal\n"
    "ready, tell = os.pipe()\n"
    "if os.fork(): os.read(ready, 1); os._exit(0)\n"
    "os.setsid(); os.chdir('/')\n"
    "null = os.open('/dev/null', os.O_RDWR)\n"
    "for fd in range(3): os.dup2(null, fd)\n"
    "os.write(tell, b'x')\n"
    "signal.pause()\n";

class DaemonOfRun : public RunEnd {
 protected:
  // The processes that the command tells of.
  void Run(Command command) {
    const Result result = RunProgram(command);
    EXPECT_EQ(result.exit_status, 0);
    ASSERT_EQ(
        sscanf(result.err.c_str(),
               "heapprof: process %d goes on in the background; process %d puts names into what comes later",
               &daemon_, &helper_),
        2)
        << result.Describe();
    ASSERT_TRUE(daemon_ > 1 && helper_ > 1);
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
  void ExpectNamesInWhatItWrites() {
    const std::string file = dir_ / "heapprof." + std::to_string(daemon_) + ".0001.heap.pb.gz";
    EXPECT_EQ(kill(daemon_, SIGUSR2), 0);
    while (FunctionsIn(file) <= 10 && Lives(std::to_string(helper_))) usleep(1000);
    EXPECT_GT(FunctionsIn(file), 10);
    kill(helper_, SIGTERM);  // as a service manager ends all
    kill(daemon_, SIGTERM);
    while (Lives(std::to_string(helper_))) usleep(1000);
    EXPECT_FALSE(Lives(std::to_string(daemon_)));
    EXPECT_GT(FunctionsIn(dir_ / "heapprof." + std::to_string(daemon_) + ".0002.heap.pb.gz"), 10);
    EXPECT_EQ(ExpectGoodProfiles(dir_.path()).size(), 2u);
  }
  int daemon_ = 0, helper_ = 0;
};

// The command comes back as the program does; what the daemon writes later gets names, too.
TEST_F(DaemonOfRun, ItsProfilesAreSymbolizedWhenTheyCome) {
  if (!HaveProgram("/usr/bin/python3")) GTEST_SKIP() << "python3 is not installed";
  ASSERT_NO_FATAL_FAILURE(Run(Of({"/usr/bin/python3", "-c", kDaemon})));
  ExpectNamesInWhatItWrites();
}

// Linux 4.18 has no call that closes a range, and none that waits for any process' end.
TEST_F(DaemonOfRun, OnAnOlderKernelTheHelperHoldsNothingOpenAndSleeps) {
  if (!HaveProgram("/usr/bin/python3")) GTEST_SKIP() << "python3 is not installed";
  Command command = Of({"/usr/bin/python3", "-c", kDaemon});
  command.before_exec = [] {
    if (!RefuseCalls({SYS_close_range, SYS_pidfd_open, SYS_pidfd_send_signal}, ENOSYS)) _exit(1);
    fcntl(dup2(0, 77), F_SETFD, 0);
  };
  ASSERT_NO_FATAL_FAILURE(Run(command));
  const std::string proc = "/proc/" + std::to_string(helper_) + "/";
  for (const auto& entry : std::filesystem::directory_iterator(proc + "fd")) {
    const std::string target = std::filesystem::read_symlink(entry.path());
    EXPECT_TRUE(target == "/dev/null" || target == "anon_inode:inotify") << entry.path() << target;
  }
  // It waits by poll, and does not look again and again.
  const std::string poll = std::to_string(SYS_ppoll) + " ";
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (ReadFile(proc + "syscall").rfind(poll, 0) != 0 && std::chrono::steady_clock::now() < limit)
    usleep(1000);
  EXPECT_EQ(ReadFile(proc + "syscall").rfind(poll, 0), 0u);
  ExpectNamesInWhatItWrites();
}

// The helper is younger than the daemons, and stays until the last of them.
TEST_F(RunEnd, OfSeveralDaemonsTheHelperFollowsTheLast) {
  if (!HaveProgram("/usr/bin/python3")) GTEST_SKIP() << "python3 is not installed";
  const Result result = RunProgram(Of({"/usr/bin/python3", "-c",
                                       "import os, signal, time\n"
                                       "ready, tell = os.pipe()\n"
                                       "for daemon in range(2):\n"
                                       "  if os.fork(): os.read(ready, 1); continue\n"
                                       "  os.setsid()\n"
                                       "  null = os.open('/dev/null', os.O_RDWR)\n"
                                       "  for fd in range(3): os.dup2(null, fd)\n"
                                       "  os.write(tell, b'x')\n"
                                       "  signal.pause()\n"
                                       // Times of starts are counted in ticks.
                                       "until = time.clock_gettime(time.CLOCK_BOOTTIME) + 0.03\n"
                                       "while time.clock_gettime(time.CLOCK_BOOTTIME) < until: pass\n"
                                       "os._exit(0)\n"},
                                      {"--interval", "4k"}));
  int first = 0, last = 0, helper = 0;
  ASSERT_EQ(sscanf(result.err.c_str(),
                   "heapprof: process %d, %d go on in the background; process %d puts names into what comes",
                   &first, &last, &helper),
            3)
      << result.Describe();
  ASSERT_TRUE(first > 1 && last > 1 && helper > 1);
  kill(first, SIGTERM);
  const std::string of_first = dir_ / "heapprof." + std::to_string(first) + ".0001.heap.pb.gz";
  while ((FunctionsIn(of_first) <= 10 || Lives(std::to_string(first))) && Lives(std::to_string(helper))) {
    usleep(1000);
  }
  kill(last, SIGTERM);
  while (Lives(std::to_string(last)) || Lives(std::to_string(helper))) usleep(1000);
  EXPECT_GT(FunctionsIn(of_first), 10);
  EXPECT_GT(FunctionsIn(dir_ / "heapprof." + std::to_string(last) + ".0001.heap.pb.gz"), 10);
}

// Two runs in one folder have the same options; the program of the other is no daemon of this one.
TEST_F(RunEnd, WhatAnotherRunWaitsForIsNoDaemon) {
  Command command = Of({"awk", "BEGIN { print \"ready\"; fflush(); getline < \"/dev/stdin\" }"});
  command.argv.insert(command.argv.begin(), {"/bin/sh", "-c", "exec \"$@\" <>in", "sh"});
  ASSERT_EQ(mkfifo((dir_ / "in").c_str(), 0600), 0);
  Process first(command);
  ASSERT_TRUE(first.WaitForOutput("ready"));
  Process second(command);
  ASSERT_TRUE(second.WaitForOutput("ready"));
  kill(first.pid(), SIGTERM);
  const Result result = first.Wait();
  EXPECT_EQ(result.signal, SIGTERM);
  EXPECT_THAT(result.err, testing::Not(HasSubstr("background"))) << result.Describe();
  kill(second.pid(), SIGTERM);
  EXPECT_EQ(second.Wait().signal, SIGTERM);
}

// Each tells of its own profile only, and takes the other's program for no daemon of its own.
TEST_F(RunEnd, TwoRunsInOneFolderKnowTheirOwn) {
  Command first = Of({"bash", "-c", "echo ready; read -r x"});
  first.argv.insert(first.argv.begin(), {"/bin/sh", "-c", "mkfifo in; exec \"$@\" <>in", "sh"});
  Process program(first);
  ASSERT_TRUE(program.WaitForOutput("ready"));
  const std::string own = "heapprof: heapprof\\.[0-9]+\\.0001\\.heap\\.pb\\.gz: inuse_space [^\n]+\n";
  EXPECT_THAT(RunProgram(Of({"bash", "-c", "exit 0"})).err, MatchesRegex(own));
  EXPECT_EQ(FindProfiles(dir_.path()).size(), 1u);
  WriteFile(dir_ / "in", "\n");
  EXPECT_THAT(program.Wait().err, MatchesRegex(own));
  EXPECT_EQ(FindProfiles(dir_.path()).size(), 2u);
}

// In a container the command is the first process: it has the orphans for children, and no signal ends it.
TEST_F(RunEnd, AsTheFirstProcessItReapsOrphansAndPassesSignalsOn) {
  const std::vector<std::string> inside = {"unshare", "--user", "--map-root-user",
                                           "--pid",   "--fork", "--mount-proc"};
  Command probe;
  probe.argv = inside;
  probe.argv.emplace_back("true");
  if (!HaveProgram("unshare") || !RunProgram(probe).ok()) GTEST_SKIP() << "no PID namespaces here";
  const auto run = [&](const std::string& script) {
    Command command = Of({"bash", "-c", script}, {"--children", "no"});
    command.argv.insert(command.argv.begin(), inside.begin(), inside.end());
    return RunProgram(command);
  };
  // An orphan ends; nobody but the first process can take it away.
  EXPECT_EQ(run("(exec > /dev/null; (:) & echo $! > orphan); "
                "while [ -e /proc/$(cat orphan) ]; do :; done; echo gone")
                .out,
            "gone\n");
  EXPECT_EQ(run("trap 'exit 41' TERM; kill -TERM 1; while :; do :; done").exit_status, 41);
  const Result ended = run("kill -TERM 1; while :; do :; done");
  EXPECT_EQ(ended.exit_status, 128 + SIGTERM) << ended.Describe();
  EXPECT_THAT(ended.err, HasSubstr(".heap.pb.gz: inuse_space "));
}

}  // namespace
}  // namespace heapprof::test
