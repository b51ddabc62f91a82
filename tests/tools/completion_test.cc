// SPDX-License-Identifier: Apache-2.0
// The shells know every command and option that --help knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <sstream>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;

constexpr const char* kCommands[] = {"run",    "dump",      "check", "top",       "tree",    "peek",
                                     "folded", "list",      "flame", "convert",   "diff",    "growth",
                                     "memory", "lifetimes", "merge", "symbolize", "threads", "info",
                                     "watch",  "push",      "agent", "export"};

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

// What bash offers for the last word of `words`, behind `heapprof`.
std::set<std::string> BashOffers(const std::vector<std::string>& words) {
  Command bash;
  bash.argv = {"bash", "-c",
               "source \"$0\"; COMP_WORDS=(heapprof \"$@\"); COMP_CWORD=$#; _heapprof; "
               "printf '%s\\n' \"${COMPREPLY[@]}\"",
               HEAPPROF_COMPLETION_FOLDER "/heapprof.bash"};
  bash.argv.insert(bash.argv.end(), words.begin(), words.end());
  const Result result = RunProgram(bash);
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.err, "");
  std::istringstream lines(result.out);
  std::set<std::string> offered;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) offered.insert(line);
  }
  return offered;
}

// What zsh offers behind each of the lines.
std::vector<std::set<std::string>> ZshOffers(const std::vector<std::string>& lines) {
  TempDir dir;
  Command zsh;
  zsh.argv = {"zsh", "-f", HEAPPROF_TEST_FOLDER "/completions.zsh", HEAPPROF_COMPLETION_FOLDER, dir / "hits"};
  zsh.argv.insert(zsh.argv.end(), lines.begin(), lines.end());
  const Result result = RunProgram(zsh);
  EXPECT_TRUE(result.ok()) << result.Describe();
  std::vector<std::set<std::string>> offered(1);
  std::istringstream words(result.out);
  for (std::string word; std::getline(words, word);) {
    if (word == ".") {
      offered.emplace_back();
    } else if (!word.empty()) {
      offered.back().insert(word);
    }
  }
  offered.pop_back();
  return offered;
}

TEST(Completion, BashOffersTheOptionsOfEachCommand) {
  for (const char* command : kCommands) EXPECT_EQ(BashOffers({command, "--"}), OptionsOf(command)) << command;
}

TEST(Completion, BashOffersWordsValuesProgramsAndFiles) {
  using Set = std::set<std::string>;
  EXPECT_EQ(BashOffers({"d"}), (Set{"diff", "dump"}));
  EXPECT_EQ(BashOffers({"help", "d"}), (Set{"diff", "dump"}));
  EXPECT_EQ(BashOffers({"--v"}), Set{"--version"});
  EXPECT_EQ(BashOffers({"top", "--by", "l"}), Set{"line"});
  EXPECT_EQ(BashOffers({"top", "--by", "="}), (Set{"file", "function", "line", "module", "name", "type"}));
  EXPECT_EQ(BashOffers({"top", "--by", "=", "m"}), Set{"module"});
  EXPECT_EQ(BashOffers({"run", "--children", ""}), (Set{"all", "no"}));
  EXPECT_EQ(BashOffers({"dump", "--signal", "SIGUSR"}), (Set{"SIGUSR1", "SIGUSR2"}));
  EXPECT_EQ(BashOffers({"top", "--limit", ""}), Set{});
  EXPECT_EQ(BashOffers({"run", "--cpu", "--exit"}), Set{"--exit-dump"});
  EXPECT_THAT(BashOffers({"run", "--cpu", "bas"}), testing::Contains("bash"));
  EXPECT_THAT(BashOffers({"run", "--", "bas"}), testing::Contains("bash"));
  EXPECT_EQ(BashOffers({"run", "--", "cat", "/etc/hostn"}), Set{"/etc/hostname"});
  EXPECT_EQ(BashOffers({"info", "/etc/hostn"}), Set{"/etc/hostname"});
  EXPECT_EQ(BashOffers({"merge", "/etc/hostname", "-o", "/etc/hostn"}), Set{"/etc/hostname"});
  EXPECT_THAT(BashOffers({"dump", ""}), testing::Contains(std::to_string(getpid())));
}

TEST(Completion, ZshOffersWordsOptionsValuesProgramsAndFiles) {
  if (!HaveProgram("zsh")) GTEST_SKIP() << "zsh is not installed";
  using Set = std::set<std::string>;
  std::vector<std::string> lines;
  for (const char* command : kCommands) lines.push_back("heapprof " + std::string(command) + " --");
  const std::vector<std::pair<std::string, Set>> others = {
      {"heapprof d", {"diff", "dump"}},
      {"heapprof help d", {"diff", "dump"}},
      {"heapprof top --by ", {"file", "function", "line", "module", "name", "type"}},
      {"heapprof top --by=", {"file", "function", "line", "module", "name", "type"}},
      {"heapprof run --children=", {"all", "no"}},
      {"heapprof dump --signal USR", {"USR1", "USR2"}},
      {"heapprof run -- bash --nor", {"--norc"}},
      {"heapprof info /etc/hostn", {"etc", "hostname"}},
      {"heapprof merge -o /etc/hostn", {"etc", "hostname"}}};
  for (const auto& [line, expected] : others) lines.push_back(line);
  const std::vector<Set> offered = ZshOffers(lines);
  ASSERT_EQ(offered.size(), lines.size());
  for (size_t i = 0; i < std::size(kCommands); ++i) {
    Set options = OptionsOf(kCommands[i]);
    options.erase("--help");
    EXPECT_EQ(offered[i], options) << lines[i];
  }
  for (size_t i = 0; i < others.size(); ++i) {
    EXPECT_EQ(offered[std::size(kCommands) + i], others[i].second) << others[i].first;
  }
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
  EXPECT_EQ(BashOffers({""}), [&] {
    std::set<std::string> words = known;
    words.insert({"help", "--help", "--version"});
    return words;
  }());
  const std::string zsh = ReadFile(HEAPPROF_COMPLETION_FOLDER "/_heapprof");
  for (const char* command : kCommands) EXPECT_THAT(zsh, HasSubstr("\n    '" + std::string(command) + ":"));
}

}  // namespace
}  // namespace heapprof::test
