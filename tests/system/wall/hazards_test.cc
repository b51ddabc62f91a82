// SPDX-License-Identifier: Apache-2.0
// The programs of tests/system/programs under a wall-clock profile at 1000 Hz: what they check holds, and the
// profiles are whole.
#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

class UnderWall : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(UnderWall, RunsAsWithout) {
  std::vector<std::string> argv = GetParam();
  const std::string name = argv[0];
  argv[0] = HEAP_HAZARDS "/" + name;
  ProgramRun run(argv, "wall_at_start=1:wall_hz=1000:sample_interval=4k:output=%e.%p.%n");
  ExpectWell(run.Execute());
  EXPECT_TRUE(run.Said().empty()) << run.result().err;
  int64_t ticks = 0;
  for (const std::string& file : ListDir(run.dir().path())) {
    if (file.find(".wall.pb.gz") == std::string::npos) continue;
    const CountProfile profile(ReadFile(run.dir() / file));
    EXPECT_EQ(profile.error(), "") << file;
    ticks += profile.Total();
  }
  EXPECT_GT(ticks, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Programs, UnderWall,
    testing::Values(std::vector<std::string>{"exceptions", "100"}, std::vector<std::string>{"coroutines"},
                    std::vector<std::string>{"dlopen_loop", HEAP_HAZARDS "/plugin.so", "50"},
                    std::vector<std::string>{"fork_threads", HEAP_HAZARDS "/plugin.so", "20"},
                    std::vector<std::string>{"key_destructors", "100"},
                    std::vector<std::string>{"signal_storm", "process", "20"},
                    std::vector<std::string>{"blocked_calls", "30"},
                    std::vector<std::string>{"spawn", "100", "watched"},
                    std::vector<std::string>{"small_altstack"}, std::vector<std::string>{"main_ends"}),
    [](const auto& info) { return info.param[0]; });

}  // namespace
}  // namespace heapprof::test
