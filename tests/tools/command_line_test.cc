// SPDX-License-Identifier: Apache-2.0
// The command line: options in every place, more than once, and words that nobody knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

class CommandLine : public testing::Test {
 protected:
  void SetUp() override {
    pb::Profile profile = MakeProfile();
    for (const char* key : {"who", "what"}) {
      for (pb::Sample& sample : *profile.mutable_sample()) {
        pb::Label* label = sample.add_label();
        label->set_key(Intern(&profile, key));
        label->set_str(Intern(&profile, "it"));
      }
    }
    WriteFile(profile_, Gzip(profile.SerializeAsString()));
    WriteFile(suppressions_, "");
  }
  // What the command prints, with the content of `output` behind it, which then is removed.
  std::string Run(const Words& words) {
    const Result result = RunCommand(words);
    const std::string written = ReadFile(output_);
    unlink(output_.c_str());
    return std::to_string(result.exit_status) + "\n" + result.out + result.err + written;
  }

  TempDir dir_;
  const std::string profile_ = dir_ / "in.pb.gz", output_ = dir_ / "out", suppressions_ = dir_ / "none";
};

Words Join(std::initializer_list<Words> parts) {
  Words all;
  for (const Words& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST_F(CommandLine, OptionsStandBeforeAndBehindTheOtherWords) {
  const std::vector<Words> view = {{"--type", "inuse_space"},
                                   {"--focus", "."},
                                   {"--ignore", "nothing"},
                                   {"--tag", "who=it"},
                                   {"--tag", "who=it", "--tag", "what=it"},
                                   {"--max-size", "1m"},
                                   {"--json"}};
  struct Case {
    Words command, needed, words;
    std::vector<Words> options;
    bool of_view;
  };
  const Words out = {"-o", output_};
  const std::vector<Case> cases = {
      {{"top"}, {}, {profile_}, {{"--limit", "1"}, {"--cum"}, {"--by", "module"}}, true},
      {{"tree"}, {}, {profile_}, {{"--min-percent", "1"}, {"--by", "line"}}, true},
      {{"peek"}, {}, {".", profile_}, {{"--by", "file"}}, true},
      {{"folded"}, {}, {profile_}, {{"--by", "function"}}, true},
      {{"diff"},
       {},
       {profile_, profile_},
       {{"--limit", "1"}, {"--fail-on-growth"}, {"--fail-on-growth=1k"}},
       true},
      {{"merge"}, out, {profile_, profile_}, {{"--max-size", "1m"}}, false},
      {{"symbolize"},
       out,
       {profile_},
       {{"--debug-path", "/nowhere"}, {"--debug-path", "/nowhere", "--debug-path", "/tmp"}, {"--quiet"}},
       false},
      {{"list"},
       {},
       {".", profile_},
       {{"--context", "1"}, {"--source-root", "/nowhere"}, {"--source-map", "/a=/b"}},
       true},
      {{"convert"},
       Join({{"--to", "folded"}, out}),
       {profile_, profile_},
       {{"--type", "alloc_space"}, {"--tag", "who=it"}},
       false},
      {{"flame"},
       out,
       {profile_},
       {{"--type", "alloc_space"}, {"--diff", profile_}, {"--unfold"}, {"--source-root", "/nowhere"}},
       false},
      {{"info"}, {}, {profile_, profile_}, {{"--max-size", "1m"}}, false}};
  for (const Case& one : cases) {
    std::vector<Words> options = one.options;
    if (one.of_view) options.insert(options.end(), view.begin(), view.end());
    for (const Words& option : options) {
      SCOPED_TRACE(one.command[0] + " " + option[0]);
      const std::string before = Run(Join({one.command, option, one.needed, one.words}));
      EXPECT_THAT(before, testing::StartsWith("0\n"));
      EXPECT_EQ(Run(Join({one.command, one.words, one.needed, option})), before);
      EXPECT_EQ(Run(Join({one.command, one.needed, one.words, option})), before);
      // Between the words, where there are two.
      const Words first = {one.words[0]}, rest(one.words.begin() + 1, one.words.end());
      EXPECT_EQ(Run(Join({one.command, first, option, one.needed, rest})), before);
    }
  }
}

// Neither takes a word of the program's.
TEST_F(CommandLine, OptionsBeforeAProgram) {
  for (const Words& option : std::vector<Words>{{"--interval", "1"},
                                                {"--max-frames", "10"},
                                                {"--dump-signal", "USR1"},
                                                {"--option", "seed=1"},
                                                {"--option", "seed=1", "--option", "max_frames=3"},
                                                {"--output", dir_ / "p"},
                                                {"--cpu"},
                                                {"--cpu=10"},
                                                {"--wall"},
                                                {"--wall=10"},
                                                {"--no-symbolize"}}) {
    SCOPED_TRACE(option[0]);
    EXPECT_EQ(RunCommand(Join({{"run"}, option, {"/bin/echo", "--option", "x"}})).out, "--option x\n");
    EXPECT_EQ(RunCommand(Join({{"run"}, option, {"--", "/bin/echo", "--option", "x"}})).out, "--option x\n");
  }
  for (const Words& option :
       std::vector<Words>{{"--suppressions", suppressions_}, {"--exitcode", "3"}, {"--live"}}) {
    SCOPED_TRACE(option[0]);
    EXPECT_EQ(RunCommand(Join({{"check"}, option, {"/bin/echo", "--live"}})).out, "--live\n");
  }
}

TEST_F(CommandLine, TheLastOfOneOptionCounts) {
  EXPECT_EQ(Run({"top", "--limit", "7", "--limit", "1", profile_}), Run({"top", "--limit", "1", profile_}));
  EXPECT_EQ(Run({"top", profile_, "--type", "alloc_space", "--type=inuse_space"}),
            Run({"top", profile_, "--type", "inuse_space"}));
  EXPECT_EQ(Run({"merge", profile_, "-o", "/nowhere/x", "-o", output_}),
            Run({"merge", profile_, "-o", output_}));
}

// Each file is counted, and none but those of one kind are added.
TEST_F(CommandLine, SeveralFilesAddUp) {
  const auto total = [this](const Words& files) {
    const std::string json = Run(Join({{"top", "--json", "--keep-duplicates"}, files}));
    const size_t at = json.find("\"total\": ");
    return at == std::string::npos ? -1 : std::stol(json.substr(at + 9));
  };
  ASSERT_GT(total({profile_}), 0);
  EXPECT_EQ(total({profile_, profile_, profile_}), 3 * total({profile_}));
  for (const Words& command : std::vector<Words>{{"tree"}, {"folded"}, {"peek", "."}}) {
    EXPECT_THAT(Run(Join({command, {profile_, profile_, "--keep-duplicates"}})), testing::StartsWith("0\n"))
        << command[0];
    EXPECT_NE(Run(Join({command, {profile_, profile_, "--keep-duplicates"}})),
              Run(Join({command, {profile_}})))
        << command[0];
  }
  EXPECT_THAT(Run({"top", profile_, dir_ / "none.pb.gz"}), HasSubstr("none.pb.gz: No such file"));
}

TEST_F(CommandLine, AProcessIsNoFile) {
  const std::string self = std::to_string(getpid());
  const std::string line =
      "heapprof: " + self + ": no such file, but a process that runs: \"heapprof dump " + self +
      "\" has it write its profile; \"heapprof watch\" and \"heapprof threads\" look into it\n";
  for (const Words& command :
       std::vector<Words>{{"top"}, {"tree"}, {"growth"}, {"info"}, {"flame"}, {"folded"}}) {
    EXPECT_EQ(Run(Join({command, {self}})), "2\n" + line) << command[0];
  }
  // Numbers of none: no process has them.
  for (const char* none : {"4194305", "99999999999999999999", "-1", "12x"}) {
    EXPECT_THAT(Run({"info", std::string("./") + none}), HasSubstr(": No such file or directory\n")) << none;
  }
  EXPECT_THAT(Run({"info", "4194305"}), HasSubstr("4194305: No such file or directory\n"));
}

TEST_F(CommandLine, EveryReportHasALimit) {
  for (const Words& command : std::vector<Words>{{"top"}, {"tree"}, {"folded"}, {"peek", "."}}) {
    SCOPED_TRACE(command[0]);
    const std::string whole = Run(Join({command, {profile_, "--limit", "0"}}));
    const std::string one = Run(Join({command, {profile_, "--limit", "1"}}));
    EXPECT_THAT(one, testing::StartsWith("0\n"));
    if (command[0] != "folded") {  // it has one stack
      EXPECT_NE(one, whole);
    }
    EXPECT_EQ(Run(Join({command, {profile_, "--limit", "1000000"}})), whole);
    EXPECT_THAT(Run(Join({command, {profile_, "--json", "--limit", "1"}})), testing::EndsWith("]}\n"));
  }
}

TEST_F(CommandLine, AloneItShowsTheFirstSteps) {
  const Result alone = RunCommand({});
  EXPECT_EQ(alone.exit_status, 2) << "a script whose words are lost shall not go on";
  EXPECT_EQ(alone.err, "");
  for (const char* command : {"run", "dump PID", "top FILE", "flame FILE", "check"}) {
    EXPECT_THAT(alone.out, HasSubstr("\n  heapprof " + std::string(command) + " "));
  }
  EXPECT_EQ(Run({"help", "top"}), Run({"top", "--help"}));
  EXPECT_EQ(Run({"help"}), Run({"--help"}));
}

TEST_F(CommandLine, UnknownWordsAreNamedWithWhatTheyWereMeantToBe) {
  const std::vector<std::pair<Words, std::string>> cases = {
      {{"topp", "x"}, "topp is no command (did you mean top?); see heapprof --help"},
      {{"chekc", "--", "ls"}, "chekc is no command (did you mean check?); see heapprof --help"},
      {{"frobnicate"}, "frobnicate is no command; see heapprof --help"},
      {{"--versoin"}, "--versoin is no option (did you mean --version?); see heapprof --help"},
      {{"top", "--limt", "3", "x"},
       "top: --limt is no option (did you mean --limit?); see heapprof top --help"},
      {{"top", "x", "--focsu=y"},
       "top: --focsu=y is no option (did you mean --focus?); see heapprof top --help"},
      {{"top", "--zzzzzz", "x"}, "top: --zzzzzz is no option; see heapprof top --help"},
      {{"run", "--intervall", "1", "true"},
       "run: --intervall is no option (did you mean --interval?); see heapprof run --help"},
      {{"run", "--intervall", "1", "--", "true"},
       "run: --intervall is no option (did you mean --interval?); see heapprof run --help"},
      {{"help", "topp"}, "topp is no command (did you mean top?); see heapprof --help"},
      {{"topp", "--help"}, "topp is no command (did you mean top?); see heapprof --help"},
      {{"--limit", "2", "top", "x"},
       "--limit stands before the command top, whose words follow it; see heapprof top --help"},
      {{"run", "--interval=abc", "ls", "-l"},
       "run: --interval: 'abc' is no size (a number, with k, m or g); see heapprof run --help"},
      {{"run", "--cpu", "200", "--", "true"}, "run: 200 is one word too many; see heapprof run --help"},
      {{"dump", "redis-server"},
       "dump: PID: 'redis-server' is no process id, a number; see heapprof dump --help"},
      {{"threads", "-5"}, "threads: PID: '-5' is no process id, a number; see heapprof threads --help"},
      {{"memory", "-5"}, "memory: PID: '-5' is no process id, a number; see heapprof memory --help"},
      {{"dump", "-5"}, "dump: PID: '-5' is no process id, a number; see heapprof dump --help"},
      {{"threads", "0"}, "'0' is no process id, a number"},
      {{"memory", "99999999999999999999"}, "'99999999999999999999' is no process id, a number"},
      {{"threads", ""}, "'' is no process id, a number, and there is no file of that name"},
      {{"top", "-5", "x"}, "top: -5 is no option; see heapprof top --help"},
      {{"diff", "-", "-"}, "diff: both profiles are standard input"},
      {{"diff", "a", "b", "c"}, "diff: c is one word too many; see heapprof diff --help"},
      {{"top"}, "top: FILE is required; see heapprof top --help"}};
  for (const auto& [words, line] : cases) {
    const Result result = RunCommand(words);
    EXPECT_EQ(result.exit_status, 2);
    EXPECT_EQ(result.err, "heapprof: " + line + "\n");
  }
}

}  // namespace
}  // namespace heapprof::test
