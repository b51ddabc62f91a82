// SPDX-License-Identifier: Apache-2.0
// The library as it is beside an old libc: a form of it that finds libpthread and libdl only after the start,
// and the newest functions of libc never (scripts/distro has the real ones).
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/under.h"

namespace heapprof::test {
namespace {

std::string Folder() { return PROGRAMS_FOLDER; }

Command UnderLateCalls(const TempDir& dir, const std::vector<std::string>& argv, const std::string& options) {
  Command command = Under(dir, argv, options);
  for (auto& [name, value] : command.env) {
    if (name == "LD_PRELOAD") value = LATE_CALLS;
  }
  return command;
}

std::vector<std::string> LateThreads() { return {Folder() + "/late_threads", Folder() + "/late_plugin.so"}; }

class OldLibcTest : public testing::TestWithParam<const char*> {};

TEST_P(OldLibcTest, ThreadsOfAPlugInAreAsWithANewOne) {
  TempDir with_new, with_old;
  const std::string options = std::string(GetParam()) + ":dump_at_exit=1";
  const Result usual = RunProgram(Under(with_new, LateThreads(), options));
  const Result late = RunProgram(UnderLateCalls(with_old, LateThreads(), options));
  EXPECT_TRUE(usual.ok()) << usual.Describe();
  EXPECT_TRUE(late.ok()) << late.Describe();
  // The number of the first key that is the program's: the library's own two are made before.
  EXPECT_EQ(late.out, usual.out);
  EXPECT_EQ(late.err, "");
  const auto profiles = ExpectGoodProfiles(with_old.path());
  ASSERT_EQ(profiles.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Options, OldLibcTest,
                         testing::Values("sample_interval=512k", "sample_interval=1:lifetimes=1",
                                         "sample_interval=1:cpu_at_start=1:cpu_hz=1000"));

TEST(OldLibcTest, EveryStackIsWhole) {
  TempDir dir;
  const Result result = RunProgram(UnderLateCalls(dir, LateThreads(), "sample_interval=1:dump_at_exit=1"));
  EXPECT_TRUE(result.ok()) << result.Describe();
  const auto profiles = ExpectGoodProfiles(dir.path());
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_NE(profiles[0].Comments().find("truncated-stacks: 0\n"), std::string::npos)
      << profiles[0].Comments();
}

// Of threads that come with a plug-in: the functions are wrapped when those are there.
TEST(OldLibcTest, WaitsAreProfiled) {
  TempDir dir;
  const Result result =
      RunProgram(UnderLateCalls(dir, LateThreads(), "contention_interval=1:dump_at_exit=1"));
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.err, "");
  std::string block;
  for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
    if (file.path().native().find(".block.pb.gz") != std::string::npos) block = file.path();
  }
  ASSERT_NE(block, "");
  const TypedProfile profile(ReadFile(block));
  EXPECT_EQ(profile.error(), "");
  EXPECT_GT(profile.Total("contentions"), 0);
}

TEST(OldLibcTest, LeaksAreFound) {
  TempDir dir;
  const Result result = RunProgram(UnderLateCalls(dir, LateThreads(), "leak_check=unreachable"));
  EXPECT_EQ(result.exit_status, 23) << result.Describe();
  EXPECT_NE(result.err.find("LoseBlock"), std::string::npos) << result.err;
}

// jemalloc would end the process where it finds no pthread_create.
TEST(OldLibcTest, BackgroundThreadsThatCannotBeAreToldOf) {
  TempDir dir;
  Command command = UnderLateCalls(dir, LateThreads(), "sample_interval=512k");
  command.env.push_back({"MALLOC_CONF", "background_thread:true"});
  const Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_NE(result.err.find("background thread creation failed"), std::string::npos) << result.err;
}

// The program has no libpthread and never gets one.
TEST(OldLibcTest, AProgramWithoutThreadsRuns) {
  TempDir dir;
  const Result result = RunProgram(
      UnderLateCalls(dir, {"/bin/sh", "-c", "echo $((6 * 7)); /bin/cat /dev/null; /bin/ls / > /dev/null"},
                     "sample_interval=1:dump_at_exit=1"));
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, "42\n");
  EXPECT_EQ(result.err, "");
  EXPECT_GE(ExpectGoodProfiles(dir.path()).size(), 2u);
}

}  // namespace
}  // namespace heapprof::test
