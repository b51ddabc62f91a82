// SPDX-License-Identifier: Apache-2.0
// Profiles of a program's end that is a signal's default action.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

class Fatal : public testing::TestWithParam<std::string> {
 protected:
  // Runs the program of this test's form; `profiles`: of the heap. It ends by `signal`, or well.
  std::unique_ptr<ProgramRun> Ends(const std::string& way, int number, int signal, size_t profiles,
                                   const std::string& options = "dump_at_exit=1") {
    auto run = std::make_unique<ProgramRun>(
        std::vector<std::string>{Program(GetParam()), way, std::to_string(number)},
        "sample_interval=1" + (options.empty() ? "" : ":" + options));
    if (GetParam() != "fatal_ends") run->command().env.erase(run->command().env.begin());  // LD_PRELOAD
    run->command().before_exec = [] {
      const rlimit no_core{0, 0};
      setrlimit(RLIMIT_CORE, &no_core);
    };
    const Result& result = run->Execute();
    EXPECT_EQ(result.signal, signal) << result.Describe();
    EXPECT_FALSE(result.timed_out);
    if (signal == 0) ExpectWell(result);
    EXPECT_TRUE(run->Said().empty()) << result.err;
    const std::vector<HeapProfile> written = run->Profiles();
    EXPECT_EQ(written.size(), profiles) << way;
    if (signal != 0) {
      for (const HeapProfile& profile : written) EXPECT_EQ(profile.AtLeaf("main").inuse_space, 100000) << way;
    }
    return run;
  }
};
INSTANTIATE_TEST_SUITE_P(Forms, Fatal, testing::Values("fatal_ends", "fatal_ends_whole"), IntervalName);

TEST_P(Fatal, EverySignalThatAsksForTheEndIsFollowedByAProfile) {
  for (int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU}) {
    SCOPED_TRACE(signal);
    Ends("default", signal, signal, 1);
  }
}

TEST_P(Fatal, NothingIsWrittenUnlessAskedFor) { Ends("default", SIGTERM, SIGTERM, 0, ""); }
TEST_P(Fatal, FaultsOfTheProgramsOwnAreNone) { Ends("default", SIGABRT, SIGABRT, 0); }
TEST_P(Fatal, InAThread) { Ends("thread", SIGTERM, SIGTERM, 1); }
TEST_P(Fatal, ManyAtOnceMakeOneProfile) { Ends("crowd", SIGINT, SIGINT, 1); }
TEST_P(Fatal, AProgramThatPutsTheDefaultBack) { Ends("restored", SIGTERM, SIGTERM, 1); }
TEST_P(Fatal, AfterAHandlerThatIsForOneTime) {
  for (int signal : {SIGINT, SIGTERM}) Ends("once", signal, signal, 1);
}
TEST_P(Fatal, ChildrenOfForkToo) { Ends("child", SIGTERM, 0, 2); }
TEST_P(Fatal, ChildrenOfVforkHaveNoProfile) { Ends("vfork", SIGTERM, 0, 1); }
TEST_P(Fatal, HandlersOfTheProgramsOwnRun) { Ends("own", SIGTERM, 0, 1); }
TEST_P(Fatal, IgnoredSignalsStayIgnored) { Ends("ignored", SIGHUP, 0, 1); }

TEST_P(Fatal, TheProgramSeesTheDefaultAction) {
  for (int signal : {SIGINT, SIGTERM, SIGUSR2, SIGUSR1}) Ends("seen", signal, 0, 1);
  for (int signal : {SIGINT, SIGUSR2, SIGUSR1}) Ends("reset", signal, 0, 1);
}

TEST_P(Fatal, CpuProfilesToo) {
  auto run = Ends("thread", SIGINT, SIGINT, 1, "dump_at_exit=1:cpu_at_start=1");
  size_t cpu = 0;
  for (const std::string& name : ListDir(run->dir().path())) {
    cpu += name.find(".cpu.pb.gz") != std::string::npos;
    EXPECT_NE(name.find(".pb.gz"), std::string::npos) << name;  // nothing half written
  }
  EXPECT_EQ(cpu, 1u);
}

// CPython takes Ctrl-C by a handler of its own if it finds the default action, and ends by the signal.
TEST(FatalPython, IsInterruptedAsEver) {
  if (!HaveProgram("/usr/bin/python3")) GTEST_SKIP() << "python3 is not installed";
  ProgramRun run({"/usr/bin/python3", "-c",
                  "import os, signal\n"
                  "try: os.kill(os.getpid(), signal.SIGINT); signal.pause()\n"
                  "except KeyboardInterrupt: print('caught', flush=True)\n"
                  "old = signal.signal(signal.SIGUSR2, signal.SIG_IGN)\n"
                  "signal.signal(signal.SIGUSR2, old)\n"
                  "os.kill(os.getpid(), signal.SIGINT); signal.pause()\n"},
                 "dump_at_exit=1");
  const Result& result = run.Execute();
  EXPECT_EQ(result.signal, SIGINT) << result.Describe();
  EXPECT_EQ(result.out, "caught\n");
  EXPECT_EQ(run.Profiles().size(), 1u);
}

// node has a handler for one time, which puts the terminal in order and raises the signal again.
TEST(FatalNode, EndsByTheSignalAndLeavesAProfile) {
  if (!HaveProgram("node")) GTEST_SKIP() << "node is not installed";
  ProgramRun run({"node", "-e", "setInterval(() => {}, 1000); process.kill(process.pid, 'SIGTERM')"},
                 "dump_at_exit=1:sample_interval=512k");
  const Result& result = run.Execute();
  EXPECT_EQ(result.signal, SIGTERM) << result.Describe();
  EXPECT_EQ(run.Profiles().size(), 1u);
}

}  // namespace
}  // namespace heapprof::test
