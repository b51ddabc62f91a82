// SPDX-License-Identifier: Apache-2.0
// Programs linked with -static: no loader, and libc's own functions under other names.
#include <gtest/gtest.h>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

class Static : public testing::TestWithParam<std::string> {
 protected:
  // A run of a program that has the library inside.
  std::unique_ptr<ProgramRun> Whole(const std::vector<std::string>& argv, int status = 0) {
    std::vector<std::string> words = argv;
    words[0] = Program(words[0]);
    auto run = std::make_unique<ProgramRun>(words, "sample_interval=" + GetParam());
    run->command().env.erase(run->command().env.begin());  // LD_PRELOAD
    ExpectWell(run->Execute(), status);
    EXPECT_TRUE(run->Said().empty()) << run->result().err;
    return run;
  }
};
INSTANTIATE_TEST_SUITE_P(Intervals, Static, testing::Values("512k", "1"), IntervalName);

TEST_P(Static, StacksReachTheStart) {
  for (const char* program : {"plain_whole", "plain_whole_pie"}) {
    SCOPED_TRACE(program);
    const std::vector<HeapProfile> profiles = Whole({program, "dump", "signal", "fds"}, 7)->Profiles();
    ASSERT_EQ(profiles.size(), 2u);
    if (GetParam() != "1") continue;
    const Totals in_main = profiles[1].In("main"), in_start = profiles[1].In("_start");
    EXPECT_GT(in_main.alloc_objects, 1000);
    EXPECT_GE(in_start.alloc_objects, in_main.alloc_objects);
    // What libc allocates before it can look up how to unwind, too.
    EXPECT_EQ(profiles[1].Total().alloc_objects, in_start.alloc_objects);
    EXPECT_NE(profiles[1].Comments().find("truncated-stacks: 0\n"), std::string::npos);
  }
}

TEST_P(Static, LoadingIsRefusedWithOneLine) {
  ProgramRun run({Program("loads_whole")}, "sample_interval=" + GetParam());
  run.command().env.erase(run.command().env.begin());  // LD_PRELOAD
  ExpectWell(run.Execute());
  EXPECT_EQ(run.Said(),
            std::vector<std::string>{"heapprof: a statically linked program cannot load libm.so.6"});
}

TEST_P(Static, ForkWithHandlersThatAllocate) { Whole({"atfork_preinit_whole", "50"}); }

TEST_P(Static, EveryExec) {
  // bare and preloaded too
  Command bare;
  bare.argv = {Program("execs")};
  ExpectWell(RunProgram(bare));
  ProgramRun preloaded({Program("execs")}, "sample_interval=" + GetParam());
  ExpectWell(preloaded.Execute());
  EXPECT_EQ(preloaded.Profiles().size(), 1u);
  EXPECT_EQ(Whole({"execs_whole"})->Profiles().size(), 1u);
}

TEST_P(Static, KeyDestructorsThatComeBack) { Whole({"key_destructors_whole", "50"}); }

TEST_P(Static, ThreadsThatNobodySeesEnd) {
  Whole({"thread_ends_whole", "last_round", "8"});
  Whole({"thread_ends_whole", "free_first", "8"});
  Whole({"thread_ends_whole", "exit_call", "8"});
  Whole({"system_calls_whole"});
}

TEST_P(Static, MainThreadEndsFirst) { EXPECT_EQ(Whole({"main_ends_whole"})->Profiles().size(), 2u); }

TEST_P(Static, ExceptionsAndCoroutines) {
  Whole({"exceptions_whole", "50"});
  const std::vector<HeapProfile> profiles = Whole({"coroutines_whole"})->Profiles();
  ASSERT_EQ(profiles.size(), 56u);
  if (GetParam() == "1") {
    EXPECT_EQ(profiles.back().AtLeaf("alloc_in_turn").alloc_objects, 55 * (20 + 4 * 6 + 2 * 4) + 6);
  }
}

TEST_P(Static, SignalsUnderAllocation) { Whole({"signal_storm_whole", "process", "20"})->Profiles(); }

}  // namespace
}  // namespace heapprof::test
