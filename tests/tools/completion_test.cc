// SPDX-License-Identifier: Apache-2.0
// The shells know every command and option that --help knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;

constexpr const char* kCommands[] = {"run",    "dump",  "check", "top",   "tree",      "peek",
                                     "folded", "flame", "diff",  "merge", "symbolize", "info"};

// The long options that `heapprof COMMAND --help` lists.
std::set<std::string> OptionsOf(const std::string& command) {
  std::istringstream help(RunCommand({command, "--help"}).out);
  std::set<std::string> options;
  for (std::string line; std::getline(help, line);) {
    if (line.rfind("  -", 0) != 0) continue;
    const size_t at = line.find("--");
    if (at != std::string::npos) options.insert(line.substr(at, line.find_first_of(" ,={[", at) - at));
  }
  return options;
}

// What bash offers after `heapprof COMMAND --`.
std::set<std::string> OfferedBy(const std::string& command) {
  Command bash;
  bash.argv = {"bash",
               "-c",
               "source \"$0\"; COMP_WORDS=(heapprof $1 --); COMP_CWORD=$2; _heapprof; printf '%s\\n' "
               "\"${COMPREPLY[@]}\"",
               HEAPPROF_COMPLETION_FOLDER "/heapprof.bash",
               command,
               command.empty() ? "1" : "2"};
  const Result result = RunProgram(bash);
  EXPECT_TRUE(result.ok()) << result.Describe();
  std::istringstream lines(result.out);
  std::set<std::string> offered;
  for (std::string line; std::getline(lines, line);) offered.insert(line);
  return offered;
}

TEST(Completion, BashOffersTheOptionsOfEachCommand) {
  for (const char* command : kCommands) EXPECT_EQ(OfferedBy(command), OptionsOf(command)) << command;
}

TEST(Completion, BothShellsKnowEveryCommand) {
  std::set<std::string> known(std::begin(kCommands), std::end(kCommands)), listed;
  std::istringstream help(RunCommand({"--help"}).out);
  bool commands = false;
  for (std::string line; std::getline(help, line);) {
    if (commands && line.size() > 2 && line.rfind("  ", 0) == 0 && line[2] != ' ') {
      listed.insert(line.substr(2, line.find(' ', 2) - 2));
    }
    commands = commands ? !line.empty() : line == "Subcommands:";
  }
  EXPECT_EQ(listed, known);
  const std::string zsh = ReadFile(HEAPPROF_COMPLETION_FOLDER "/_heapprof");
  for (const char* command : kCommands) {
    EXPECT_THAT(zsh, HasSubstr("\n    '" + std::string(command) + ":"));
    for (const std::string& option : OptionsOf(command)) {
      if (option == "--help") continue;  // every _arguments would say it
      EXPECT_THAT(zsh, HasSubstr(option)) << command;
    }
  }
}

}  // namespace
}  // namespace heapprof::test
