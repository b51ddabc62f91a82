// SPDX-License-Identifier: Apache-2.0
// children=no: programs that the program starts run without the library.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

constexpr int kWays = 10;

std::string Repeated(const std::string& line, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += line;
  return all;
}

TEST(Children, NoneIsProfiledInWhateverWayItIsStarted) {
  ProgramRun run({Program("children")}, "children=no:dump_at_exit=1");
  const Result& result = run.Execute();
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, Repeated("[||]\n", kWays) + "[||1]\nOK\n");
  // That of the program which it became in the end, and which has the library and its options again.
  EXPECT_EQ(run.Profiles().size(), 1u);
  EXPECT_THAT(ListDir(run.dir().path()), testing::ElementsAre(testing::EndsWith(".0001.heap.pb.gz")));
}

TEST(Children, OtherPreloadsStay) {
  for (const char* form : {"libm.so.6:%", "%:libm.so.6", "% libm.so.6", " libm.so.6::% "}) {
    ProgramRun run({Program("children")}, "children=no:dump_at_exit=1");
    std::string& preload = run.command().env[0].second;
    preload = std::string(form).replace(std::string(form).find('%'), 1, LibraryPath());
    const Result& result = run.Execute();
    EXPECT_TRUE(result.ok()) << result.Describe();
    EXPECT_EQ(result.out, Repeated("[libm.so.6||]\n", kWays) + "[libm.so.6||1]\nOK\n");
    EXPECT_EQ(run.Profiles().size(), 1u);
  }
}

// Constructors of libraries that stand behind ours in LD_PRELOAD run before ours.
TEST(Children, APreloadMayHaveChangedTheEnvironmentBefore) {
  for (const char* form : {"%:./other.so", "./other.so:%"}) {
    ProgramRun run({Program("children")}, "children=no:dump_at_exit=1");
    ASSERT_EQ(symlink(Program("sets_variable.so").c_str(), (run.dir() / "other.so").c_str()), 0);
    std::string& preload = run.command().env[0].second;
    preload = std::string(form).replace(std::string(form).find('%'), 1, LibraryPath());
    const Result& result = run.Execute();
    EXPECT_TRUE(result.ok()) << result.Describe();
    EXPECT_EQ(result.out, Repeated("[./other.so||]\n", kWays) + "[./other.so||1]\nOK\n");
    EXPECT_EQ(run.Profiles().size(), 1u);
  }
}

TEST(Children, OneOfTheSamePidInANamespaceOfItsOwn) {
  if (!HaveProgram("unshare")) GTEST_SKIP() << "unshare is not installed";
  Command command;
  command.argv = {"unshare",
                  "--user",
                  "--map-root-user",
                  "--pid",
                  "--fork",
                  "env",
                  "LD_PRELOAD=" + LibraryPath(),
                  "HEAPPROF_OPTIONS=children=no:verbose=1",
                  Program("children"),
                  "namespace"};
  const Result result = RunProgram(command);
  if (result.out == "refused\n" || result.err.rfind("unshare: ", 0) == 0)
    GTEST_SKIP() << "no namespaces here";
  EXPECT_EQ(result.out, "OK\n") << result.Describe();
  EXPECT_NE(result.err.find("sample_interval="), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("sample_interval="), result.err.rfind("sample_interval=")) << result.err;
}

TEST(Children, AllAreUnlessToldOtherwise) {
  if (!HaveProgram("bash")) GTEST_SKIP() << "bash is not installed";
  for (const char* option : {"", "children=all:"}) {
    ProgramRun run({"bash", "-c", "for i in 1 2 3; do /bin/true; done; exit 0"},
                   std::string(option) + "dump_at_exit=1");
    EXPECT_TRUE(run.Execute().ok());
    EXPECT_EQ(run.Profiles().size(), 4u);
  }
}

TEST(Children, AForkedCopyIsTheProgramItself) {
  if (!HaveProgram("bash")) GTEST_SKIP() << "bash is not installed";
  ProgramRun run({"bash", "-c", "(exit 0); for i in 1 2 3; do /bin/true; done; exit 0"},
                 "children=no:dump_at_exit=1");
  EXPECT_TRUE(run.Execute().ok());
  EXPECT_EQ(run.Profiles().size(), 2u);
}

// An environment of the program's own, and many words in it.
TEST(Children, PythonStartsThemToo) {
  if (!HaveProgram("/usr/bin/python3")) GTEST_SKIP() << "python3 is not installed";
  ProgramRun run(
      {"/usr/bin/python3", "-c",
       "import os, subprocess\n"
       "script = 'echo \"[$LD_PRELOAD|$HEAPPROF_OPTIONS]\"'\n"
       "subprocess.run(script, shell=True, check=True)\n"
       "subprocess.run(script, shell=True, check=True, close_fds=False, env=dict(os.environ, A='1'))\n"
       "os.system(script)\n"},
      "children=no:dump_at_exit=1");
  EXPECT_EQ(run.Execute().out, "[|]\n[|]\n[|]\n") << run.result().Describe();
  EXPECT_EQ(run.Profiles().size(), 1u);
}

}  // namespace
}  // namespace heapprof::test
