// SPDX-License-Identifier: Apache-2.0
// Threads that are hard to stop: the right verdict, or none, and nobody is disturbed more than need be.
#include "tests/system/leak/leak_run.h"

namespace heapprof::test {
namespace {

constexpr int kLeaks = 23;

// With ptrace and, as in some sandboxes, without.
class Stops : public testing::TestWithParam<bool> {
 protected:
  Result Run(const std::string& scenario) {
    std::vector<std::string> argv = {Program("leak_stops"), scenario};
    if (!GetParam()) argv.push_back("untraced");
    return RunProgram(Checked(dir_, argv));
  }
  void ExpectNoLeak(const std::string& scenario) {
    const Result result = Run(scenario);
    EXPECT_EQ(result.exit_status, 0) << result.Describe();
    EXPECT_EQ(result.err, "");
  }
  // That of the scenario's own, which each of them has.
  void ExpectTheLeak(const std::string& scenario) {
    const Result result = Run(scenario);
    EXPECT_EQ(result.exit_status, kLeaks) << result.Describe();
    EXPECT_EQ(SumOf(ParseReport(result.err)), (LeakSum{41, 1})) << result.err;
  }
  // Beside the thread that serves HTTP, which is nobody's to stop.
  Result RunServed(const std::string& scenario) {
    std::vector<std::string> argv = {Program("leak_stops"), scenario};
    if (!GetParam()) argv.push_back("untraced");
    Command command = Checked(dir_, argv);
    for (auto& variable : command.env) {
      if (variable.first == "HEAPPROF_OPTIONS") variable.second += ":http=unix:" + (dir_ / "socket");
    }
    return RunProgram(command);
  }
  TempDir dir_;
};

TEST_P(Stops, TheThreadThatServesHttpIsNotStopped) {
  const Result result = RunServed("worker");
  EXPECT_EQ(result.exit_status, kLeaks) << result.Describe();
  EXPECT_EQ(SumOf(ParseReport(result.err)), (LeakSum{41, 1})) << result.err;
}

TEST_P(Stops, ThreadThatBlocksAllSignalsMakesNoWrongVerdict) {
  const Result result = Run("blocked");
  EXPECT_EQ(result.exit_status, kLeaks) << result.Describe();
  if (GetParam()) {
    EXPECT_EQ(SumOf(ParseReport(result.err)), (LeakSum{41, 1})) << result.Describe();
  } else {
    EXPECT_EQ(result.err.rfind("heapprof: no leak check: thread ", 0), 0u) << result.err;
    EXPECT_NE(result.err.find(" could not be stopped"), std::string::npos) << result.err;
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
  }
}

TEST_P(Stops, EachOfManyThreadsIsStopped) { ExpectNoLeak("many"); }

TEST_P(Stops, ThreadsOfTheKernelsAreNotWaitedFor) { ExpectTheLeak("worker"); }

TEST_P(Stops, PagesThatAStoppedThreadIsToFillAreNotRead) { ExpectTheLeak("userfault"); }

TEST_P(Stops, ChecksAndForksTakeTurns) { ExpectNoLeak("beside_forks"); }

TEST_P(Stops, CallsOfOtherThreads) {
  const Result result = Run("calls");
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  if (!GetParam()) {
    EXPECT_NE(result.out.find("poll: Interrupted system call\n"), std::string::npos) << result.out;
    return;
  }
  for (const char* call : {"nanosleep", "poll", "select", "sem_timedwait", "epoll_wait(-1)", "sigwaitinfo"}) {
    EXPECT_NE(result.out.find(std::string(call) + ": went on\n"), std::string::npos) << result.out;
  }
  // The kernel ends this one, and how much of its time was left nobody knows.
  EXPECT_NE(result.out.find("epoll_wait: Interrupted system call\n"), std::string::npos) << result.out;
}

INSTANTIATE_TEST_SUITE_P(Ptrace, Stops, testing::Bool(),
                         [](const auto& info) { return info.param ? "Traced" : "Untraced"; });

// Debuggers trace the threads themselves, and are not to lose the program to the command that finds source
// lines.
TEST(Debugged, ProgramEndsUnderGdbWithTheStatusOfItsCheck) {
  ASSERT_TRUE(HaveProgram("gdb")) << "install the package gdb";
  TempDir dir;
  const Command checked = Checked(dir, {"gdb", "-nx", "-q", "-batch"});
  Command gdb = checked;
  gdb.env.clear();
  for (const auto& [name, value] : checked.env) {
    gdb.argv.insert(gdb.argv.end(), {"-ex", "set environment " + name + " " + value});
  }
  gdb.argv.insert(gdb.argv.end(), {"-ex", "run", Program("leak_known")});
  const Result result = RunProgram(gdb);
  EXPECT_NE(result.out.find("exited with code 027]"), std::string::npos) << result.Describe();
  EXPECT_EQ(SumOf(ParseReport(result.err)).blocks, 12u) << result.err;
  EXPECT_NE(result.err.find("programs/known.cc:"), std::string::npos) << "no source lines\n" << result.err;
}

TEST(Debugged, ThreadsUnderStraceAreStoppedAllTheSame) {
  ASSERT_TRUE(HaveProgram("strace")) << "install the package strace";
  TempDir dir;
  const Command checked = Checked(dir, {"strace", "-f", "-o", "/dev/null"});
  Command strace = checked;
  strace.env.clear();
  for (const auto& [name, value] : checked.env) {
    strace.argv.insert(strace.argv.end(), {"-E", name + "=" + value});
  }
  strace.argv.insert(strace.argv.end(), {Program("leak_scenarios"), "thread_stack"});
  const Result result = RunProgram(strace);
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_EQ(result.err, "");
}

}  // namespace
}  // namespace heapprof::test
