// SPDX-License-Identifier: Apache-2.0
// How the library comes into a program: linked as an archive, and preloaded beside a library that stands
// before libc.
#include <gtest/gtest.h>

#include <string>

#include "tests/alloc/programs.h"

namespace heapprof::test {
namespace {

class StartTest : public UnderOptions {};
HEAPPROF_UNDER_INTERVALS(StartTest);

TEST_P(StartTest, TheStaticLibraryWorks) {
  Command command;
  command.argv = {Program("linked_archive")};
  command.env = {{"HEAPPROF_OPTIONS", GetParam()}};
  Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, "OK\n");
}

// What libc is asked for at the start may be another preloaded library's, which allocates.
TEST_P(StartTest, StartsBesideAPreloadThatStandsBeforeLibc) {
  const std::string greedy = Program("greedy_preload.so");
  for (const std::string& preload : {greedy + ":" + LibraryPath(), LibraryPath() + ":" + greedy}) {
    TempDir dir;
    const std::string options = std::string(GetParam()) + ":dump_at_exit=1:cpu_at_start=1";
    Command command = Under(dir, {Program("new_handler")}, options);
    for (auto& [name, value] : command.env) {
      if (name == "LD_PRELOAD") value = preload;
    }
    command.env.push_back({"MALLOC_CONF", "background_thread:true"});
    Result result = RunProgram(command);
    EXPECT_TRUE(result.ok()) << preload << "\n" << result.Describe();
    EXPECT_EQ(result.out, "OK\n");
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(ExpectGoodProfiles(dir.path()).size(), 1u);
  }
}

}  // namespace
}  // namespace heapprof::test
