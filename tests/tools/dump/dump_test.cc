// SPDX-License-Identifier: Apache-2.0
// `heapprof dump`: what it finds out of another process, and what it must never do to one.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;

// A fake host in a folder of its own.
class Dump : public testing::Test {
 protected:
  // `before` and `after` are the parts of the file's name around the pid.
  void Start(const std::string& mode, const std::string& options, const std::string& before,
             const std::string& after, const std::string& library = "libheapprof.so.0",
             const std::string& host = "fake_host") {
    WriteFile(dir_ / library, std::string(4096, 'x'));
    Command command;
    command.argv = {PROGRAMS_DIR "/" + host, mode, dir_ / library, before, after};
    command.directory = dir_.path();
    ASSERT_EQ(mkfifo((in_ / "in").c_str(), 0600), 0);
    command.before_exec = [in = in_ / "in"] { dup2(open(in.c_str(), O_RDWR), STDIN_FILENO); };
    if (!options.empty()) command.env = {{"HEAPPROF_OPTIONS", options}};
    host_ = std::make_unique<Process>(command);
    ASSERT_TRUE(host_->WaitForOutput("ready")) << host_->so_far().Describe();
  }
  std::string Pid() const { return std::to_string(host_->pid()); }
  Result DumpIt(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"dump", Pid()});
    return RunCommand(more);
  }
  bool Alive() const { return kill(host_->pid(), 0) == 0; }
  // Nothing was sent: the signal's handler has not run, and no call of the program was interrupted.
  void ExpectUndisturbed() {
    WriteFile(in_ / "in", "x");
    EXPECT_TRUE(host_->WaitForOutput("went on")) << host_->so_far().Describe();
    EXPECT_EQ(host_->so_far().out, "ready\nwent on\n");
    EXPECT_TRUE(FindProfiles(dir_.path()).empty());
  }
  void ExpectRefused(const Result& result, const std::string& why) {
    EXPECT_EQ(result.exit_status, 2) << result.Describe();
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, testing::StartsWith("heapprof: "));
    EXPECT_THAT(result.err, HasSubstr(why));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }

  TempDir dir_, in_;
  std::unique_ptr<Process> host_;
};

TEST_F(Dump, PrintsTheNewFileOfTheDefaultPattern) {
  Start("good", "", "heapprof.", ".0001.heap.pb.gz");
  const Result result = DumpIt();
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_EQ(result.out, (dir_ / ("heapprof." + Pid() + ".0001.heap.pb.gz")) + "\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(Dump, FollowsOutputOutOfTheEnvironment) {
  mkdir((dir_ / "sub").c_str(), 0700);
  Start("good", "verbose=1:output='" + (dir_ / "sub") + "/a:%e-%p':seed=4", dir_ / "sub/a:fake_host-",
        ".heap.pb.gz");
  EXPECT_EQ(DumpIt().out, (dir_ / ("sub/a:fake_host-" + Pid() + ".heap.pb.gz")) + "\n");
}

TEST_F(Dump, ReplacedFileWithoutCountIsSeen) {
  Start("good", "output=%p", "", ".heap.pb.gz");
  EXPECT_EQ(DumpIt().out, (dir_ / (Pid() + ".heap.pb.gz")) + "\n");
  EXPECT_EQ(DumpIt().out, (dir_ / (Pid() + ".heap.pb.gz")) + "\n");
}

TEST_F(Dump, OtherFilesAndUnfinishedOnesAreNotTaken) {
  Start("pieces", "", "heapprof.", ".12345.heap.pb.gz");
  EXPECT_EQ(DumpIt().out, (dir_ / ("heapprof." + Pid() + ".12345.heap.pb.gz")) + "\n");
}

TEST_F(Dump, FindsTheOptionsOfAProgramThatChangedItsTitle) {
  Start("title", "output=moved.%p", "moved.", ".heap.pb.gz");
  const Result result = DumpIt();
  EXPECT_EQ(result.out, (dir_ / ("moved." + Pid() + ".heap.pb.gz")) + "\n") << result.Describe();
}

TEST_F(Dump, OutputMayBeNamed) {
  Start("good", "output=elsewhere", "named.", ".0007.heap.pb.gz");
  EXPECT_EQ(DumpIt({"--output", "named.%p.%n"}).out, (dir_ / ("named." + Pid() + ".0007.heap.pb.gz")) + "\n");
}

// What the file on the disk is called, and whether it is there, does not matter.
TEST_F(Dump, TheRecordTellsOfTheLibraryUnderAnyName) {
  Start("good", "", "heapprof.", ".0001.heap.pb.gz", "libother.so.0");
  unlink((dir_ / "libother.so.0").c_str());
  EXPECT_EQ(DumpIt().out, (dir_ / ("heapprof." + Pid() + ".0001.heap.pb.gz")) + "\n");
}

TEST_F(Dump, AProcessWithoutTheLibraryIsLeftAlone) {
  Start("good", "", "heapprof.", ".0001.heap.pb.gz", "libother.so.0", "old_host");
  const Result result = DumpIt();
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("heapprof: process " + Pid() + " does not run under heapprof"));
  EXPECT_TRUE(FindProfiles(dir_.path()).empty());
  EXPECT_EQ(DumpIt({"--force"}).out, (dir_ / ("heapprof." + Pid() + ".0001.heap.pb.gz")) + "\n");
}

TEST_F(Dump, ASignalThatIsNotCaughtIsNeverSent) {
  Start("uncaught", "", "x", "y");
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{{}, {"--force"}}) {
    const Result result = DumpIt(more);
    EXPECT_EQ(result.exit_status, 2);
    EXPECT_EQ(result.err, "heapprof: process " + Pid() +
                              " does not catch SIGUSR2; it is not sent, as it could end the process\n");
    EXPECT_TRUE(Alive());
  }
}

TEST_F(Dump, NoSignalIsSaid) {
  Start("good", "dump_signal=0", "x", "y");
  EXPECT_EQ(DumpIt().err, "heapprof: process " + Pid() +
                              " dumps on no signal: its dump_signal is 0; start it with another\n");
}

TEST_F(Dump, SaysThatNoFileCame) {
  Start("silent", "", "x", "y");
  const Result result = DumpIt({"--timeout", "0.2"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("heapprof: process " + Pid() + " wrote no file " + dir_.path() +
                                    "/heapprof." + Pid() + ".*.heap.pb.gz within 0.2 s"));
}

TEST_F(Dump, AHandlerOfTheProgramsOwnIsNotWoken) {
  Start("own", "", "x", "y");
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{{}, {"--force"}}) {
    ExpectRefused(DumpIt(more), "heapprof: process " + Pid() +
                                    " has a handler of its own for SIGUSR2; nothing is sent. Start it with "
                                    "another dump_signal (USR1 is free there)\n");
  }
  ExpectUndisturbed();
}

// What the process does with the signal, and what the command says of it around the process's number.
struct Refusal {
  const char* mode;
  const char* before;
  const char* after;
};

class DumpRefused : public Dump, public testing::WithParamInterface<Refusal> {};
INSTANTIATE_TEST_SUITE_P(
    Modes, DumpRefused,
    testing::Values(Refusal{"ignored", "process ", " ignores SIGUSR2; nothing is sent."},
                    Refusal{"blocked", "every thread of process ", " blocks SIGUSR2; nothing is sent."},
                    Refusal{"signalfd", "process ",
                            " takes SIGUSR2 itself, by sigwait or signalfd; nothing is sent."},
                    Refusal{"starting", "process ", " is still starting: try again in a moment"}),
    [](const auto& info) { return std::string(info.param.mode); });

TEST_P(DumpRefused, NothingIsSent) {
  Start(GetParam().mode, "", "x", "y");
  ExpectRefused(DumpIt(), GetParam().before + Pid() + GetParam().after);
  ExpectUndisturbed();
}

TEST_F(Dump, WhoWaitsInSigwaitIsNotWoken) {
  Start("sigwait", "", "x", "y");
  // Until it waits it blocks the signal, and neither is taken.
  ExpectRefused(DumpIt(), "nothing is sent.");
  EXPECT_EQ(host_->so_far().out, "ready\n");
}

TEST_F(Dump, AStoppedProcessIsToBeContinuedFirst) {
  Start("good", "", "heapprof.", ".0001.heap.pb.gz");
  kill(host_->pid(), SIGSTOP);
  siginfo_t stopped;
  ASSERT_EQ(waitid(P_PID, host_->pid(), &stopped, WSTOPPED), 0);
  ExpectRefused(DumpIt(), " is stopped; nothing is sent. Let it go on first (kill -CONT " + Pid());
  kill(host_->pid(), SIGCONT);
  EXPECT_EQ(DumpIt().exit_status, 0);
}

TEST_F(Dump, WhereTheKernelCannotBeAskedForceIsNeeded) {
  Start("filtered", "", "heapprof.", ".0001.heap.pb.gz");
  ExpectRefused(DumpIt(), " cannot be told (it has a seccomp filter of its own); nothing is sent.");
  EXPECT_EQ(DumpIt({"--force"}).exit_status, 0);
}

// As in a container, whose filter every process has.
TEST_F(Dump, AFilterThatTheCommandHasTooIsNoObstacle) {
  Start("filtered", "", "heapprof.", ".0001.heap.pb.gz");
  Command command;
  command.argv = {HEAPPROF_COMMAND, "dump", Pid()};
  command.before_exec = [] {
    sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    sock_fprog program = {1, &allow};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
  };
  const Result result = RunProgram(command);
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
}

TEST_F(Dump, ADebuggedProcessIsLeftToItsDebugger) {
  Start("good", "", "heapprof.", ".0001.heap.pb.gz");
  ASSERT_EQ(ptrace(PTRACE_SEIZE, host_->pid(), nullptr, nullptr), 0);
  ExpectRefused(DumpIt(), " cannot be told (a debugger holds it); nothing is sent.");
}

TEST_F(Dump, ALibraryOfAnotherVersionIsSaid) {
  Start("good", "", "heapprof.", ".0001.heap.pb.gz", "libheapprof.so.0", "old_host");
  ExpectRefused(DumpIt(), " cannot be told (its libheapprof is of another version than this command)");
  EXPECT_EQ(DumpIt({"--force"}).exit_status, 0);
}

TEST_F(Dump, ASignalThatIsNotItsDumpSignalIsNotSent) {
  Start("good", "", "x", "y");
  ExpectRefused(DumpIt({"--signal", "USR1"}), " dumps on SIGUSR2, not on SIGUSR1\n");
  ExpectUndisturbed();
}

TEST_F(Dump, AThreadsIdStandsForItsProcess) {
  Start("thread", "", "heapprof.", ".0001.heap.pb.gz");
  const std::string thread = host_->so_far().out.substr(std::string("thread ").size());
  const Result result = RunCommand({"dump", thread.substr(0, thread.find('.'))});
  EXPECT_EQ(result.out, dir_ / ("heapprof." + Pid() + ".0001.heap.pb.gz\n")) << result.Describe();
}

TEST_F(Dump, AProcessWhoseFirstThreadHasEndedIsOne) {
  Start("main_ends", "", "heapprof.", ".0001.heap.pb.gz");
  const Result result = DumpIt();
  EXPECT_EQ(result.out, dir_ / ("heapprof." + Pid() + ".0001.heap.pb.gz\n")) << result.Describe();
}

TEST(DumpOfADeadProcess, IsSaid) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t ended;
  ASSERT_EQ(waitid(P_PID, child, &ended, WEXITED | WNOWAIT), 0);
  const Result result = RunCommand({"dump", std::to_string(child)});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: process " + std::to_string(child) +
                            " has ended; its parent has not waited for it yet\n");
  waitpid(child, nullptr, 0);
}

TEST_F(Dump, SaysThatTheProcessEnded) {
  Start("ends", "", "x", "y");
  const Result result = DumpIt({"--timeout", "30"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr(" ended before it wrote "));
}

TEST_F(Dump, SaysWhichFolderCannotBeWatched) {
  Start("good", "output=/no/such/folder/%p", "x", "y");
  EXPECT_EQ(DumpIt().err, "heapprof: cannot watch the folder /no/such/folder: No such file or directory\n");
  EXPECT_TRUE(ListDir(dir_.path()) == std::vector<std::string>{"libheapprof.so.0"});
}

TEST(DumpOfNobody, IsSaid) {
  // Pids end below 2^22.
  const Result result = RunCommand({"dump", "4194304"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.err, "heapprof: there is no process 4194304\n");
}

}  // namespace
}  // namespace heapprof::test
