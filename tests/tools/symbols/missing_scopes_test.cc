// SPDX-License-Identifier: Apache-2.0
// A program whose .dwo files are missing: its line table has the files of what was inlined, and no functions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class MissingScopes : public testing::Test {
 protected:
  void SetUp() override {
    WriteFile(dir_ / "inlined.h", "static inline void* InHeader(void) { return malloc(300); }\n");
    WriteFile(dir_ / "guilty.c",
              "#include <stdlib.h>\n#include \"inlined.h\"\nvoid* kept[2];\n"
              "void guilty(void) {\n  kept[0] = malloc(200);\n  kept[1] = InHeader();\n}\n"
              "int main(void) { guilty(); return kept[1] == 0; }\n");
    Command compiler;
    compiler.argv = {HEAPPROF_C_COMPILER, "-O1",          "-g", "-gsplit-dwarf", "-Wl,--build-id",
                     dir_ / "guilty.c",   "-fno-ipa-icf", "-o", program_};
    compiler.directory = dir_.path();
    const Result made = RunProgram(compiler);
    ASSERT_TRUE(made.ok()) << made.Describe();
    for (const std::string& name : ListDir(dir_.path())) {
      if (name.find(".dwo") != std::string::npos) std::filesystem::remove(dir_ / name);
    }
  }
  // `heapprof run` of the program, which keeps no names.
  Result RunIt(const std::vector<std::string>& options) {
    Command command;
    command.argv = {HEAPPROF_COMMAND, "run", "--interval", "1", "--exit-dump", "--output", dir_ / "run"};
    command.argv.insert(command.argv.end(), options.begin(), options.end());
    command.argv.insert(command.argv.end(), {"--", program_});
    command.env = {{"XDG_CACHE_HOME", dir_ / "cache"}};
    return RunProgram(command);
  }

  TempDir dir_;
  const std::string program_ = dir_ / "program";
};

TEST_F(MissingScopes, AFunctionIsOneRow) {
  ASSERT_TRUE(RunIt({}).ok());
  const std::string profile = dir_ / "run.heap.pb.gz";
  const Result lines = RunCommand({"top", "--by", "line", "--focus", "^guilty$", profile});
  EXPECT_THAT(lines.out, HasSubstr(" guilty (inlined.h:1)\n"));
  EXPECT_THAT(lines.out, HasSubstr(" guilty (guilty.c:5)\n"));
  const Result rows = RunCommand({"top", "--focus", "^guilty$", profile});
  EXPECT_THAT(rows.out, testing::ContainsRegex("\n +500 B [^\n]* guilty\n")) << rows.Describe();
  EXPECT_THAT(rows.out, Not(HasSubstr("guilty (")));
}

// It puts the names into the file, so that nobody says it later.
TEST_F(MissingScopes, AreToldOfByRun) {
  EXPECT_THAT(RunIt({}).err,
              HasSubstr("heapprof: warning: " + program_ +
                        ": a part of its debug information is in files (.dwo) that are not here\n"));
  EXPECT_THAT(RunIt({"--quiet"}).err, Not(HasSubstr("debug information")));
}

}  // namespace
}  // namespace heapprof::test
