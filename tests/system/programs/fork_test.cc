// SPDX-License-Identifier: Apache-2.0
// fork, vfork and posix_spawn beside threads.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <map>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

class Fork : public AtInterval {};
INTERVALS(Fork);

TEST_P(Fork, BesideAllocatingAndLoadingThreads) {
  const int rounds = 20 * SoakFactor();
  auto run =
      Hazard({Program("fork_threads"), Program("plugin.so"), std::to_string(rounds)}, "", 60 * SoakFactor());
  ExpectRunsWell(run.get());
  run->Profiles();
  if (Bare()) return;
  // each process under its own pid, and %n from 0001: a fifth of the children twice, as many grandchildren
  // once
  std::map<std::string, std::vector<std::string>> by_pid;
  for (const std::string& name : ListDir(run->dir().path())) {
    const size_t dot = name.find('.', 2);
    by_pid[name.substr(2, dot - 2)].push_back(name.substr(dot + 1, 4));
  }
  EXPECT_EQ(by_pid.size(), static_cast<size_t>(1 + 2 * (rounds / 5)));
  int twice = 0;
  for (const auto& [pid, counts] : by_pid) {
    EXPECT_EQ(counts.front(), "0001") << pid;
    if (counts.size() == 2) {
      ++twice;
      EXPECT_EQ(counts.back(), "0002") << pid;
    } else {
      EXPECT_EQ(counts.size(), 1u) << pid;
    }
  }
  EXPECT_EQ(twice, rounds / 5);
}

TEST_P(Fork, HandlersThatAllocate) {
  auto run = Hazard({Program("atfork_preinit"), std::to_string(50 * SoakFactor())}, "", 60 * SoakFactor());
  ExpectRunsWell(run.get());
}

TEST_P(Fork, ManyChildrenOfAllocatingThreads) {
  const int children = 1000 * SoakFactor();
  auto run = Hazard({Program("forks"), "many", std::to_string(children)}, "", 60 * SoakFactor());
  ExpectRunsWell(run.get());
  EXPECT_EQ(run->Profiles().size(), Bare() ? 0u : static_cast<size_t>(children) / 1000 + 1);
}

// libc's fork takes its list of streams: who has that waits for a stream, and who has the stream for memory.
TEST_P(Fork, BesideThreadsThatAllocateUnderLocksOfStreams) {
  for (const char* how : {"fork", "forkpty", "daemon"}) {
    SCOPED_TRACE(how);
    auto run =
        Hazard({Program("fork_streams"), how, std::to_string(20 * SoakFactor())}, "", 60 * SoakFactor());
    ExpectRunsWell(run.get());
  }
}

// One thread that forks in a handler leaves all locks to what it interrupted, as libc's malloc has it.
TEST_P(Fork, InAHandlerThatInterruptsAnything) {
  auto run = Hazard({Program("fork_in_handler"), "alone", std::to_string(300 * SoakFactor())}, "",
                    60 * SoakFactor());
  ExpectRunsWell(run.get());
}

// Beside threads it waits for jemalloc, as it would wait for libc's malloc, but not with signals blocked.
TEST(ForkInAHandler, ThatWaitsForJemallocCanBeEnded) {
  ProgramRun run({Program("fork_in_handler"), "stuck"}, "");
  EXPECT_EQ(run.Execute().signal, SIGALRM) << run.result().Describe();
  EXPECT_EQ(run.result().out, "forks\n");
}

// Each gives back what the other waits for, libc's list of streams too.
TEST(ForkInAHandler, AndInAnotherThreadAtTheSameTime) {
  ProgramRun run({Program("fork_in_handler"), "beside"}, "");
  ExpectWell(run.Execute());
}

// Children that libc's handlers of fork do not see, of a parent that has a CPU profile.
class Copies : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<ProgramRun> Run(const char* what, const std::string& options) {
    auto run = std::make_unique<ProgramRun>(std::vector<std::string>{Program("copies"), GetParam(), what},
                                            "sample_interval=1:" + options);
    ExpectWell(run->Execute());
    EXPECT_TRUE(run->Said().empty()) << run->result().err;
    EXPECT_EQ(sscanf(run->result().out.c_str(), "child %d", &child_), 1) << run->result().out;
    return run;
  }
  size_t FilesOf(const ProgramRun& run, bool child, const std::string& kind) {
    const std::string start = "h." + std::to_string(child_) + ".";
    size_t found = 0;
    for (const std::string& name : ListDir(run.dir().path())) {
      const bool of_child = name.compare(0, start.size(), start) == 0;
      const bool of_kind = name.size() > kind.size() && name.rfind(kind) == name.size() - kind.size();
      if (name[0] == 'h' && of_child == child && of_kind) ++found;
    }
    return found;
  }
  int child_ = 0;
};
INSTANTIATE_TEST_SUITE_P(How, Copies,
                         testing::Values("clone", "stack", "_Fork", "threads-clone", "threads-stack",
                                         "threads-_Fork"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(Copies, EndAndWriteTheirOwn) {
  for (const std::string what : {"exit", "stop", "interval", "thread", "dump", "check", "profile"}) {
    SCOPED_TRACE(what);
    const auto run = Run(what.c_str(), "cpu_at_start=1:dump_at_exit=1");
    run->Profiles();
    EXPECT_EQ(FilesOf(*run, false, ".cpu.pb.gz"), 1u);
    EXPECT_EQ(FilesOf(*run, false, ".heap.pb.gz"), 1u);
    EXPECT_EQ(FilesOf(*run, true, ".cpu.pb.gz"), 0u) << "the profile is its parent's";
    EXPECT_EQ(FilesOf(*run, true, ".heap.pb.gz"), what == "dump" ? 3u : 1u);
  }
}

TEST_P(Copies, HaveACpuProfileOfTheirOwnIfTheyAsk) {
  const auto run = Run("start", "cpu_at_start=1");
  EXPECT_EQ(FilesOf(*run, false, ".cpu.pb.gz"), 1u);
  EXPECT_EQ(FilesOf(*run, true, ".cpu.pb.gz"), 0u);
  const CountProfile own(ReadFile(run->dir() / "child.cpu.pb.gz"));
  EXPECT_EQ(own.error(), "");
  EXPECT_GT(own.In("BurnInChild"), 0);
  EXPECT_EQ(own.In("Burn"), 0) << "its parent's";
}

TEST_P(Copies, AreCheckedForLeaks) { Run("exit", "cpu_at_start=1:leak_check=unreachable"); }

// A child that went on with its parent's countdown, or its random numbers, would be sampled where its
// siblings are.
TEST(ForkSeeds, SiblingsAreSampledAtDifferentPoints) {
  ProgramRun run({Program("forks"), "seeds"}, "sample_interval=512k");
  ExpectWell(run.Execute());
  int different = 0;
  ASSERT_EQ(sscanf(run.result().out.c_str(), "different %d", &different), 1) << run.result().out;
  // 64 draws out of 32768 on average: the chance that three pairs are equal is below 1e-5
  EXPECT_GE(different, 62);
}

TEST_P(Fork, ChildrenOfOtherCallsDumpUnderTheirPid) {
  auto run = Hazard({Program("forks"), "others"});
  ExpectRunsWell(run.get());
  if (Bare()) return;
  for (const char* kind : {"daemon", "_Fork", "clone"}) {
    SCOPED_TRACE(kind);
    const size_t at = run->result().out.find(std::string(kind) + " ");
    ASSERT_NE(at, std::string::npos) << run->result().out;
    const std::string pid = std::to_string(atoi(run->result().out.c_str() + at + strlen(kind) + 1));
    std::vector<HeapProfile> own;
    for (const std::string& path : FindProfiles(run->dir().path())) {
      if (path.find("/h." + pid + ".") != std::string::npos) own.push_back(ReadProfile(path));
    }
    ASSERT_EQ(own.size(), 2u);
    EXPECT_NE(own[1].Comments().find("pid: " + pid), std::string::npos) << own[1].Comments();
    if (GetParam() == "1") {
      const Totals once_by_each{2, 2 * 123456, 0, 0};
      EXPECT_EQ(own[1].AtLeaf("alloc_in_child"), once_by_each);
    }
  }
  EXPECT_EQ(run->Profiles().size(), 7u);
}

TEST_P(Fork, SpawnedChildrenLeaveTheParentAlone) {
  // children that only vfork and exec run no code of exit: dump_at_exit is the parent's alone
  auto run =
      Hazard({Program("spawn"), std::to_string(500 * SoakFactor())}, "dump_at_exit=1", 60 * SoakFactor());
  ExpectRunsWell(run.get());
  run->Profiles();
  EXPECT_EQ(run->ProfileCount(), Bare() ? 0u : 3u);
}

}  // namespace
}  // namespace heapprof::test
