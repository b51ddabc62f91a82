// fork, vfork and posix_spawn beside threads.
#include <gtest/gtest.h>

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
