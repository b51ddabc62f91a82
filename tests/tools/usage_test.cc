// SPDX-License-Identifier: Apache-2.0
// Wrong usage is one line: the command, the word, what is wrong, and where to look. Generated from --help,
// for every command and every option there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <sstream>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

struct Option {
  std::string name, word;  // "--limit", "N"
  enum { kFlag, kMayHave, kNeeds } value;
};

struct CommandHelp {
  std::string name, usage;
  Words positionals;  // without "..."
  bool takes_many = false, runs_program = false;
  std::vector<Option> options;
};

Words CommandNames() {
  std::istringstream help(RunCommand({"--help"}).out);
  Words names;
  bool commands = false;
  for (std::string line; std::getline(help, line);) {
    if (commands && line.rfind("  ", 0) == 0 && line[2] != ' ')
      names.push_back(line.substr(2, line.find(' ', 2) - 2));
    commands = commands ? !line.empty() : line == "Subcommands:";
  }
  return names;
}

CommandHelp HelpOf(const std::string& name) {
  CommandHelp command;
  command.name = name;
  std::istringstream help(RunCommand({name, "--help"}).out);
  std::string section;
  for (std::string line; std::getline(help, line);) {
    if (line.rfind("Usage: ", 0) == 0) command.usage = line;
    if (!line.empty() && line[0] != ' ') section = line;
    if (line.rfind("  ", 0) != 0 || line[2] == ' ') continue;
    const std::string head = line.substr(2, line.find("  ", 2) - 2);
    if (section == "Positionals:") {
      command.takes_many = command.takes_many || head.find("...") != std::string::npos;
      command.positionals.push_back(head.substr(0, head.find("...")));
    }
    const size_t at = head.find("--");
    if (section != "Options:" || at == std::string::npos) continue;
    const size_t end = std::min(head.find_first_of(" [", at), head.size());
    Option option{head.substr(at, end - at), "", Option::kFlag};
    if (end < head.size()) {
      option.value = head[end] == '[' ? Option::kMayHave : Option::kNeeds;
      option.word = head[end] == '[' ? head.substr(end + 2, head.size() - end - 3) : head.substr(end + 1);
    }
    command.options.push_back(option);
  }
  command.runs_program = command.usage.find(" -- PROGRAM [ARGUMENTS]") != std::string::npos;
  return command;
}

const std::vector<CommandHelp>& Commands() {
  static const std::vector<CommandHelp> commands = [] {
    std::vector<CommandHelp> all;
    for (const std::string& name : CommandNames()) all.push_back(HelpOf(name));
    return all;
  }();
  return commands;
}

// One line in our words, which begins with the command's name and ends with where to look.
std::string Refusal(const std::string& command, const Words& words) {
  const Result result = RunCommand(words);
  std::string all;
  for (const std::string& word : words) all += word + " ";
  SCOPED_TRACE(all);
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err.find('\n') + 1, result.err.size()) << result.err;
  EXPECT_THAT(result.err, testing::StartsWith("heapprof: " + command + ": "));
  EXPECT_THAT(result.err, testing::EndsWith("; see heapprof " + command + " --help\n"));
  for (const char* foreign :
       {"TEXT", "UINT", "FLOAT", "INT:", "not in range", "not in {", "Could not", "missing"}) {
    EXPECT_THAT(result.err, testing::Not(HasSubstr(foreign)));
  }
  const size_t begin = std::string("heapprof: ").size() + command.size() + 2;
  const size_t end = result.err.rfind("; see");
  return end == std::string::npos || end < begin ? result.err : result.err.substr(begin, end - begin);
}

// `option` and what follows it, and whatever the command needs beside it.
Words WithOption(const CommandHelp& command, const Words& option) {
  Words words = {command.name};
  words.insert(words.end(), option.begin(), option.end());
  if (command.runs_program) words.insert(words.end(), {"--", "true"});
  for (size_t i = 0; i < command.positionals.size(); ++i) words.emplace_back("1");
  return words;
}

TEST(Usage, HelpHasAWordForEveryValueAndAUsageForEveryCommand) {
  ASSERT_GE(Commands().size(), 12u);
  for (const CommandHelp& command : Commands()) {
    SCOPED_TRACE(command.name);
    EXPECT_THAT(command.usage, testing::StartsWith("Usage: heapprof " + command.name + " [OPTIONS]"));
    EXPECT_EQ(command.runs_program, command.name == "run" || command.name == "check");
    ASSERT_FALSE(command.options.empty());
    for (const Option& option : command.options) {
      for (const char* foreign : {"VALUE", "TEXT", "UINT", "INT", "FLOAT"}) EXPECT_NE(option.word, foreign);
      for (const char c : option.word) EXPECT_TRUE(std::isupper(c) || c == '=' || c == ':') << option.word;
    }
  }
}

TEST(Usage, AnOptionWithoutItsValue) {
  for (const CommandHelp& command : Commands()) {
    for (const Option& option : command.options) {
      const std::string& name = option.name;
      if (option.value == Option::kMayHave) {
        EXPECT_EQ(Refusal(command.name, WithOption(command, {name + "="})),
                  name + "= has no " + option.word + " behind it");
      }
      if (option.value != Option::kNeeds) continue;
      const std::string line = name + " needs a value, " + name + " " + option.word;
      EXPECT_EQ(Refusal(command.name, {command.name, name}), line);
      EXPECT_EQ(Refusal(command.name, {command.name, name, "--", "true"}), line);
      EXPECT_EQ(Refusal(command.name, WithOption(command, {name, "--help"})),
                name + " needs a value before --help (if that is the value: " + name + "=--help)");
    }
  }
}

TEST(Usage, AFlagWithAValue) {
  for (const CommandHelp& command : Commands()) {
    for (const Option& option : command.options) {
      if (option.value != Option::kFlag) continue;
      for (const char* value : {"3", "false", ""}) {
        EXPECT_EQ(Refusal(command.name, WithOption(command, {option.name + "=" + value})),
                  option.name + " takes no value, and has '" + value + "'");
      }
    }
  }
}

TEST(Usage, AValueThatIsNone) {
  const std::vector<std::pair<std::string, Words>> wrong = {
      {"N", {"abc", "-1", "1.5", "", "0x10", "99999999999999999999"}},
      {"HZ", {"abc", "0", "-5"}},
      {"SIZE", {"abc", "1q", "-1", "0x10", ""}},
      {"PERCENT", {"abc", "-1", "101", "nan"}},
      {"SECONDS", {"abc", "-1", "inf"}},
      {"SIGNAL", {"NONESUCH", "999"}},
      {"KEY=VALUE", {"abc", "=x", ""}},
      {"WHAT", {"abc", "functio"}},
      {"WHICH", {"abc", "non", ""}},
  };
  size_t tried = 0;
  for (const CommandHelp& command : Commands()) {
    for (const Option& option : command.options) {
      for (const auto& [word, values] : wrong) {
        if (option.word != word) continue;
        ++tried;
        for (const std::string& value : values) {
          if (value.empty() && option.value == Option::kMayHave) continue;
          const std::string line = Refusal(command.name, WithOption(command, {option.name + "=" + value}));
          EXPECT_THAT(line, testing::StartsWith(option.name + ": "));
          EXPECT_THAT(line, HasSubstr(value));
          if (option.value != Option::kNeeds) continue;
          EXPECT_EQ(Refusal(command.name, WithOption(command, {option.name, value})), line);
        }
      }
    }
  }
  EXPECT_GE(tried, 20u);
}

TEST(Usage, AnOptionThatIsNone) {
  for (const CommandHelp& command : Commands()) {
    for (const Option& option : command.options) {
      if (option.name.size() < 6) continue;
      // Two letters change places.
      std::string misspelt = option.name;
      std::swap(misspelt[3], misspelt[4]);
      if (misspelt == option.name) continue;
      const std::string line = Refusal(command.name, WithOption(command, {misspelt}));
      EXPECT_THAT(line, testing::StartsWith(misspelt + " is no option (did you mean --"));
    }
    EXPECT_EQ(Refusal(command.name, WithOption(command, {"-Q"})), "-Q is no option");
    EXPECT_EQ(Refusal(command.name, WithOption(command, {"--zzzzzzzz=1"})), "--zzzzzzzz=1 is no option");
  }
}

TEST(Usage, TooFewWordsAndTooMany) {
  for (const CommandHelp& command : Commands()) {
    if (command.runs_program) {
      EXPECT_EQ(Refusal(command.name, {command.name}), "no program is named");
      EXPECT_EQ(Refusal(command.name, {command.name, "--"}), "no program is named");
      EXPECT_EQ(Refusal(command.name, {command.name, "word", "--", "true"}), "word is one word too many");
      continue;
    }
    Words words = {command.name};
    for (const std::string& positional : command.positionals) {
      EXPECT_EQ(Refusal(command.name, words), positional + " is required");
      words.emplace_back("1");
    }
    if (command.takes_many) continue;
    words.emplace_back("1");
    EXPECT_EQ(Refusal(command.name, words), "1 is one word too many");
  }
}

TEST(Usage, ShortOptions) {
  for (const char* command : {"merge", "symbolize"}) {
    EXPECT_EQ(Refusal(command, {command, "1"}), "--output is required");
    EXPECT_EQ(Refusal(command, {command, "1", "-o"}), "-o needs a value, -o FILE");
    EXPECT_EQ(Refusal(command, {command, "1", "-o=out"}), "-o=out: a value follows -o without =");
    EXPECT_EQ(Refusal(command, {command, "1", "-x"}), "-x is no option");
  }
}

// "--type=" and "--type ''" are what a script makes of a variable that is not set: as without.
TEST(Usage, AnEmptyValueIsAWordOfItsOwn) {
  TempDir dir;
  WriteFile(dir / "p", MakeProfile().SerializeAsString());
  const Result plain = RunCommand({"top", dir / "p"});
  ASSERT_TRUE(plain.ok()) << plain.Describe();
  EXPECT_EQ(RunCommand({"top", "--type=", dir / "p"}).out, plain.out);
  EXPECT_EQ(RunCommand({"top", "--type", "", dir / "p"}).out, plain.out);
  EXPECT_EQ(RunCommand({"top", "--focus=", "--ignore=", dir / "p"}).out, plain.out);
  // A number is a decimal one.
  EXPECT_EQ(RunCommand({"top", "--limit", "01", dir / "p"}).out,
            RunCommand({"top", "--limit", "1", dir / "p"}).out);
}

TEST(Usage, TheBeginningOfAnOptionIsNamedWhole) {
  EXPECT_EQ(Refusal("top", {"top", "--lim", "3", "x"}), "--lim is no option (did you mean --limit?)");
  EXPECT_EQ(Refusal("run", {"run", "--exit", "--", "x"}), "--exit is no option (did you mean --exit-dump?)");
}

// Standard input is a file like others, everywhere.
TEST(Usage, ADashIsStandardInput) {
  TempDir dir;
  const std::string file = dir / "p", out = dir / "out";
  WriteFile(file, Gzip(MakeProfile().SerializeAsString()));
  const auto run = [&](const std::string& words) {
    Command command;
    command.argv = {"/bin/sh", "-c", "exec " HEAPPROF_COMMAND " " + words + " < " + file};
    const Result result = RunProgram(command);
    EXPECT_TRUE(result.ok()) << words << "\n" << result.Describe();
    const std::string written = ReadFile(out);
    WriteFile(out, "");
    return result.out + written;
  };
  // Without what names the file.
  const auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  for (const std::string& command :
       Words{"top", "tree", "folded", "info", "peek .", "list .", "diff " + file}) {
    EXPECT_EQ(lines(run(command + " -")), lines(run(command + " " + file))) << command;
  }
  EXPECT_EQ(run("diff - " + file + " --json").size() + file.size(),
            run("diff " + file + " " + file + " --json").size() + 1);
  EXPECT_EQ(run("merge - -o " + out), run("merge " + file + " -o " + out));
  EXPECT_EQ(run("merge - -o -"), run("merge " + file + " -o -"));
  EXPECT_EQ(run("symbolize - -o " + out), run("symbolize " + file + " -o " + out));
  EXPECT_EQ(run("convert --to folded - -o -"), run("convert --to folded " + file + " -o -"));
  EXPECT_THAT(run("flame - -o -"), HasSubstr("<html"));
}

}  // namespace
}  // namespace heapprof::test
