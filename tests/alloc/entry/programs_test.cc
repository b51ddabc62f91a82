// SPDX-License-Identifier: Apache-2.0
// Whole programs that test the malloc family and the operators, with the library and without.
#include <gtest/gtest.h>

#include <string>

#include "tests/alloc/programs.h"

namespace heapprof::test {
namespace {

class PublicFunctionsTest : public UnderOptions {};
HEAPPROF_UNDER_INTERVALS(PublicFunctionsTest);

TEST_P(PublicFunctionsTest, AnswersAsGlibcOverTheGrid) {
  TempDir dir;
  Command alone;
  alone.argv = {Program("malloc_grid")};
  Result glibc = RunProgram(alone);
  ASSERT_TRUE(glibc.ok()) << glibc.Describe();
  Result ours = RunProgram(Under(dir, {Program("malloc_grid")}, GetParam()));
  ASSERT_TRUE(ours.ok()) << ours.Describe();
  EXPECT_EQ(ours.out, glibc.out);
}

// The same calls with a thread's cache, in line, and without one, through jemalloc: as many samples, since
// each byte is counted down once either way, and as many bytes counted as allocated and as freed.
TEST_P(PublicFunctionsTest, CallsInLineSpendAndCountWhatTheOthersDo) {
  TempDir dir;
  const std::string options = std::string(GetParam()) + ":seed=1";
  const Result in_line = RunProgram(Under(dir, {Program("in_line_ways"), "cache"}, options));
  const Result by_jemalloc = RunProgram(Under(dir, {Program("in_line_ways"), "no-cache"}, options));
  EXPECT_TRUE(in_line.ok()) << in_line.Describe();
  EXPECT_TRUE(by_jemalloc.ok()) << by_jemalloc.Describe();
  EXPECT_EQ(in_line.out, by_jemalloc.out);
}

TEST(InLineWaysTest, EachInstructionUnwinds) {
  TempDir dir;
  const Result result = RunProgram(Under(dir, {Program("in_line_ways"), "steps"}, "sample_interval=512k"));
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, "OK\n");
}

TEST_P(PublicFunctionsTest, NewHandlerRetriesThrowsAndFrees) {
  TempDir dir;
  Result result = RunProgram(Under(dir, {Program("new_handler")}, GetParam()));
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, "OK\n");
}

TEST_P(PublicFunctionsTest, AProgramInCLoadsNoCxxRuntimeAndAPluginsOwnIsFound) {
  for (const char* plugin : {"new_fails.so", "new_fails_alone.so", "new_fails_all_alone.so"}) {
    TempDir dir;
    Result result = RunProgram(Under(dir, {Program("c_program"), Program(plugin)}, GetParam()));
    EXPECT_TRUE(result.ok()) << result.Describe();
    EXPECT_EQ(result.out,
              "heapprof 1 libstdc++ 0 libm 0 libgcc_s 0\nwithout throwing 1 libstdc++ 0\n5 of 5\n")
        << plugin;
  }
}

// Linked with -static-libstdc++, and with -static-libgcc, too.
TEST_P(PublicFunctionsTest, ARuntimeWithinTheProgramIsFound) {
  for (const char* program : {"own_runtime", "own_runtime_and_unwinder"}) {
    Command command;
    command.argv = {Program(program)};
    command.env = {{"HEAPPROF_OPTIONS", GetParam()}};
    const Result result = RunProgram(command);
    EXPECT_TRUE(result.ok()) << result.Describe();
    EXPECT_EQ(result.out, "5 of 5, on their way 0, libstdc++ 0\n") << result.Describe();
  }
}

TEST_P(PublicFunctionsTest, OperatorsThatTheProgramReplacesAreCalled) {
  TempDir dir;
  Result result = RunProgram(Under(dir, {Program("replaced_operators")}, GetParam()));
  EXPECT_TRUE(result.ok()) << result.Describe();
  Command command;
  command.argv = {Program("replaced_operators_static")};
  command.env = {{"HEAPPROF_OPTIONS", GetParam()}};
  result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
}

}  // namespace
}  // namespace heapprof::test
