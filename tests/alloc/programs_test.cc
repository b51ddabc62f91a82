// Whole programs about the allocator's face, with the library and without.
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

TEST(SettingsTest, JemallocsOwnProfilerStaysOffAndThatIsSaidOnce) {
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
