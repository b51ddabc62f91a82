// SPDX-License-Identifier: Apache-2.0
// Whole programs that test the allocator's public functions, with the library and without.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/under.h"

namespace heapprof::test {
namespace {

std::string Program(const std::string& name) { return std::string(PROGRAMS_DIR) + "/" + name; }

class FaceTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Intervals, FaceTest,
                         testing::Values("sample_interval=0", "sample_interval=1", "sample_interval=4k",
                                         "sample_interval=512k"));

TEST_P(FaceTest, AnswersAsGlibcOverTheGrid) {
  TempDir dir;
  Command alone;
  alone.argv = {Program("face_grid")};
  Result glibc = RunProgram(alone);
  ASSERT_TRUE(glibc.ok()) << glibc.Describe();
  Result ours = RunProgram(Under(dir, {Program("face_grid")}, GetParam()));
  ASSERT_TRUE(ours.ok()) << ours.Describe();
  EXPECT_EQ(ours.out, glibc.out);
}

TEST_P(FaceTest, NewHandlerRetriesThrowsAndFrees) {
  TempDir dir;
  Result result = RunProgram(Under(dir, {Program("new_handler")}, GetParam()));
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, "OK\n");
}

TEST_P(FaceTest, OperatorsThatTheProgramReplacesAreCalled) {
  TempDir dir;
  Result result = RunProgram(Under(dir, {Program("replaced_operators")}, GetParam()));
  EXPECT_TRUE(result.ok()) << result.Describe();
  Command command;
  command.argv = {Program("replaced_operators_static")};
  command.env = {{"HEAPPROF_OPTIONS", GetParam()}};
  result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
}

TEST_P(FaceTest, TheStaticLibraryWorks) {
  Command command;
  command.argv = {Program("static_face")};
  command.env = {{"HEAPPROF_OPTIONS", GetParam()}};
  Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, "OK\n");
}

// What libc is asked for at the start may be another preloaded library's, which allocates.
TEST_P(FaceTest, StartsBesideAPreloadThatStandsBeforeLibc) {
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

// Both forms of the library, under MALLOC_CONF.
class SettingsTest : public testing::TestWithParam<const char*> {
 protected:
  static Result Run(const char* what, const char* settings) {
    Command command;
    command.argv = {Program(GetParam()), what};
    command.env = {{"HEAPPROF_OPTIONS", "sample_interval=4k"}, {"MALLOC_CONF", settings}};
    return RunProgram(command);
  }
};
INSTANTIATE_TEST_SUITE_P(Forms, SettingsTest,
                         testing::Values("jemalloc_settings_heapprof", "jemalloc_settings_heapprof_static"));

TEST_P(SettingsTest, MessagesGoWhereTheProgramWants) {
  Result result = Run("message", "");
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_NE(result.err.find("jemalloc statistics"), std::string::npos);
  EXPECT_EQ(result.err.find("bins:"), std::string::npos);  // of the second time, with all its parts
}

TEST_P(SettingsTest, ReallocToNothingFreesAllocatesOrAborts) {
  EXPECT_EQ(Run("zero_realloc", "").out, "kept 0 counted 100\nOK\n");
  EXPECT_EQ(Run("zero_realloc", "zero_realloc:free").out, "kept 0 counted 100\nOK\n");
  EXPECT_EQ(Run("zero_realloc", "zero_realloc:alloc").out, "kept 100 counted 100\nOK\n");
  Result result = Run("zero_realloc", "zero_realloc:abort");
  EXPECT_EQ(result.signal, SIGABRT) << result.Describe();
  EXPECT_NE(result.err.find("zero_realloc:abort"), std::string::npos) << result.Describe();
}

TEST_P(SettingsTest, DataThatCannotGrowLeavesErrnoAlone) {
  Result result = Run("blocked_data", "dss:primary");
  EXPECT_TRUE(result.ok()) << result.Describe();
}

TEST_P(SettingsTest, AnInfallibleNewAborts) {
  EXPECT_TRUE(Run("new", "").ok());
  Result result = Run("new", "experimental_infallible_new:true");
  EXPECT_EQ(result.signal, SIGABRT) << result.Describe();
  EXPECT_NE(result.err.find("experimental_infallible_new"), std::string::npos) << result.Describe();
}

TEST(ProfilerSettingsTest, NoKeyTurnsJemallocsOwnProfilerOn) {
  for (const std::string key : {"prof:true", "prof_leak:true", "prof_leak_error:true"}) {
    TempDir dir;
    Command command = Under(dir, {Program("own_settings")}, "");
    command.env.push_back({"MALLOC_CONF", key + ",narenas:3"});
    Result result = RunProgram(command);
    EXPECT_TRUE(result.ok()) << result.Describe();
    EXPECT_EQ(result.out, "narenas 3 prof 0\nOK\n") << key;
  }
}

TEST(ProfilerSettingsTest, JemallocsOwnProfilerStaysOffAndThatIsSaidOnce) {
  TempDir dir;
  Result result = RunProgram(Under(dir, {Program("own_settings")}, ""));
  ASSERT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, "narenas 3 prof 0\nOK\n");
  EXPECT_EQ(result.err, "heapprof: prof:true is ignored: heapprof does the profiling\n");
  Command command = Under(dir, {Program("own_settings")}, "");
  command.env.push_back({"MALLOC_CONF", "narenas:5,prof:true"});
  result = RunProgram(command);
  ASSERT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, "narenas 5 prof 0\nOK\n");
  EXPECT_EQ(result.err, "heapprof: prof:true is ignored: heapprof does the profiling\n");
}

}  // namespace
}  // namespace heapprof::test
