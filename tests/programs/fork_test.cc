// fork, vfork and posix_spawn beside threads.
#include <gtest/gtest.h>

#include <map>

#include "tests/programs/hazard.h"

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
