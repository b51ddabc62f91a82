// SPDX-License-Identifier: Apache-2.0
// The ends of threads and of the process.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

class Exit : public AtInterval {
 protected:
  // Ends in the given way with dump_at_exit=1; `dumps`: profiles that it must leave.
  void Ends(const std::string& how, int status, int signal, size_t dumps) {
    auto run = Hazard({Program("exit_order"), how}, "dump_at_exit=1");
    if (Bare()) run->command().env.clear();
    run->command().before_exec = [] {
      const rlimit no_core{0, 0};
      setrlimit(RLIMIT_CORE, &no_core);
    };
    const Result& result = run->Execute();
    EXPECT_EQ(result.exit_status, status) << result.Describe();
    EXPECT_EQ(result.signal, signal) << result.Describe();
    EXPECT_FALSE(result.timed_out);
    EXPECT_EQ(run->Profiles().size(), Bare() ? 0 : dumps);
  }
};
INTERVALS(Exit);

TEST_P(Exit, ReturnFromMain) { Ends("return", 7, 0, 1); }
TEST_P(Exit, CallOfExit) { Ends("exit", 7, 0, 1); }
TEST_P(Exit, ExitInAThread) { Ends("thread_exit", 7, 0, 1); }
TEST_P(Exit, QuickExit) { Ends("quick_exit", 7, 0, 1); }
TEST_P(Exit, UnderscoreExit) { Ends("_exit", 7, 0, 0); }
TEST_P(Exit, Abort) { Ends("abort", -1, SIGABRT, 0); }

TEST_P(Exit, NoDumpUnlessAskedFor) {
  auto run = Hazard({Program("exit_order"), "return"});
  ExpectRunsWell(run.get(), 7);
  EXPECT_EQ(run->ProfileCount(), 0u);
}

TEST_P(Exit, KeyDestructorsThatComeBack) {
  auto run = Hazard({Program("key_destructors"), std::to_string(200 * SoakFactor())}, "", 60 * SoakFactor());
  ExpectRunsWell(run.get());
  EXPECT_EQ(run->Profiles().size(), Bare() ? 0u : 1u);
}

TEST_P(Exit, ThreadsThatNobodySeesEnd) {
  for (const char* how : {"last_round", "free_first", "c11", "exit_call"}) {
    SCOPED_TRACE(how);
    auto run = Hazard({Program("thread_ends"), how, "8"});
    ExpectRunsWell(run.get());
    EXPECT_EQ(run->ProfileCount(), Bare() ? 0u : 2u);
  }
}

TEST_P(Exit, InSeccompsStrictMode) {
  auto run = Hazard({Program("strict")});
  ExpectRunsWell(run.get());
}

TEST_P(Exit, MainThreadEndsFirst) {
  auto run = Hazard({Program("main_ends")}, "dump_at_exit=1");
  ExpectRunsWell(run.get());
  const std::vector<HeapProfile> profiles = run->Profiles();
  ASSERT_EQ(profiles.size(), Bare() ? 0u : 3u);
  if (GetParam() != "1") return;
  // mappings were found though /proc/self/maps is empty by then: names are known
  const Totals kept{50, 250000, 50, 250000}, freed{50, 250000, 0, 0};
  EXPECT_EQ(profiles[0].AtLeaf("alloc_after_main"), kept);
  EXPECT_EQ(profiles[1].AtLeaf("alloc_after_main"), freed);
  const Totals of_main = profiles[0].AtLeaf("main");
  EXPECT_EQ(of_main.alloc_objects, 100);
  EXPECT_EQ(of_main.alloc_space, 100 * 99 / 2 * 100 + 100);
  EXPECT_EQ(of_main.inuse_objects, 0);
}

}  // namespace
}  // namespace heapprof::test
