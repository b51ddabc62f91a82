// SPDX-License-Identifier: Apache-2.0
// What `heapprof flame` writes, under which name, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

Result RunIn(const std::string& folder, const std::vector<std::string>& words) {
  Command command;
  command.directory = folder;
  command.argv = {HEAPPROF_COMMAND, "flame"};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  return RunProgram(command);
}

TEST(FlameCommand, NamesThePageForTheProfile) {
  TempDir dir;
  WriteFile(dir / "app.7.0001.heap.pb.gz", Gzip(MakeProfile().SerializeAsString()));
  const Result result = RunIn(dir.path(), {"app.7.0001.heap.pb.gz"});
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.out, "app.7.0001.heap.html\n");
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(ReadFile(dir / "app.7.0001.heap.html"), StartsWith("<!DOCTYPE html>\n"));
}

TEST(FlameCommand, WritesWhereItIsTold) {
  TempDir dir;
  WriteFile(dir / "p", Gzip(MakeProfile().SerializeAsString()));
  EXPECT_EQ(RunIn(dir.path(), {"p", "-o", "report.html"}).out, "report.html\n");
  const Result piped = RunIn(dir.path(), {"p", "-o", "-"});
  EXPECT_TRUE(piped.ok()) << piped.Describe();
  EXPECT_EQ(piped.out, ReadFile(dir / "report.html"));
  EXPECT_EQ(ListDir(dir.path()), (std::vector<std::string>{"p", "report.html"}));
}

TEST(FlameCommand, NamesOfPagesDoNotReachATerminalRaw) {
  TempDir dir;
  WriteFile(dir / "p", Gzip(MakeProfile().SerializeAsString()));
  const Result made = RunIn(dir.path(), {"p", "-o", "a\x1b[1mb\nc"});
  EXPECT_TRUE(made.ok()) << made.Describe();
  EXPECT_EQ(made.out, "a\\x1b[1mb\\x0ac\n");
}

// Text of the profile must be nowhere but in the data, whose letters are those of base64.
TEST(FlameCommand, PutsNothingOfTheProfileIntoTheMarkup) {
  TempDir dir;
  pb::Profile profile = MakeProfile();
  profile.set_string_table(static_cast<int>(profile.function(0).name()), "</script><b>Work");
  WriteFile(dir / "a", Gzip(profile.SerializeAsString()));
  WriteFile(dir / "b", Gzip(MakeProfile().SerializeAsString()));
  const auto split = [&](const std::string& name) {
    const std::string page = RunIn(dir.path(), {name, "-o", "-"}).out;
    const std::string mark = "id=\"profile\">";
    const size_t begin = page.find(mark) + mark.size(), end = page.find('<', begin);
    return std::pair(page.substr(0, begin) + page.substr(end), page.substr(begin, end - begin));
  };
  const auto [page, data] = split("a");
  EXPECT_EQ(page, split("b").first);
  EXPECT_NE(data, split("b").second);
  EXPECT_THAT(data, MatchesRegex("[A-Za-z0-9+/]+={0,2}"));
  EXPECT_EQ(data.size() % 4, 0u);
}

TEST(FlameCommand, RefusesWhatItCannotShowOrWrite) {
  TempDir dir;
  const std::string good = Gzip(MakeProfile().SerializeAsString());
  WriteFile(dir / "p", good);
  WriteFile(dir / "cut", good.substr(0, good.size() / 2));
  pb::Profile other = MakeProfile();
  for (int i = 0; i < other.sample_type_size(); ++i) {
    other.mutable_sample_type(i)->set_type(Intern(&other, "t" + std::to_string(i)));
  }
  WriteFile(dir / "other", Gzip(other.SerializeAsString()));
  const struct {
    std::vector<std::string> words;
    std::string line;
  } cases[] = {
      {{"none"}, "heapprof: none: .*No such file.*\n"},
      {{"cut"}, "heapprof: cut: .*\n"},
      {{"p", "--diff", "cut"}, "heapprof: cut: .*\n"},
      {{"p", "--diff", "other"}, "heapprof: other: has no sample type of p\n"},
      {{"p", "--type", "nothing"}, "heapprof: .*nothing.*\n"},
      {{"-", "--diff", "-"}, "heapprof: flame: both profiles are standard input\n"},
      {{"p", "-o", "no/such/report.html"},
       "heapprof: no/such/report.html cannot be written: No such file.*\n"},
      {{}, "heapprof: .*FILE.*\n"},
  };
  for (const auto& one : cases) {
    const Result result = RunIn(dir.path(), one.words);
    EXPECT_EQ(result.exit_status, 2) << result.Describe();
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, MatchesRegex(one.line));
  }
  EXPECT_EQ(ListDir(dir.path()), (std::vector<std::string>{"cut", "other", "p"}));
}

// A pipe stays one, and gets the page.
TEST(FlameCommand, WritesIntoWhatIsNoFile) {
  TempDir dir;
  WriteFile(dir / "p", Gzip(MakeProfile().SerializeAsString()));
  Command command;
  command.directory = dir.path();
  command.argv = {"/bin/sh", "-c",
                  "mkfifo pipe; cat pipe & \"$0\" flame p -o pipe > said; wait; test -p pipe",
                  HEAPPROF_COMMAND};
  const Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.err;
  EXPECT_EQ(result.out, RunIn(dir.path(), {"p", "-o", "-"}).out);
  EXPECT_EQ(ReadFile(dir / "said"), "pipe\n");
}

TEST(FlameCommand, TellsThatStandardOutputIsFull) {
  TempDir dir;
  WriteFile(dir / "p", Gzip(MakeProfile().SerializeAsString()));
  Command command;
  command.directory = dir.path();
  command.argv = {"/bin/sh", "-c", "exec \"$0\" flame p -o - > /dev/full", HEAPPROF_COMMAND};
  const Result result = RunProgram(command);
  EXPECT_EQ(result.exit_status, 2) << result.Describe();
  EXPECT_EQ(result.err, "heapprof: standard output cannot be written: No space left on device\n");
}

// A page that a full disk cut short does not stay, and what was there before does.
TEST(FlameCommand, LeavesNoHalfPage) {
  TempDir dir;
  WriteFile(dir / "p", Gzip(MakeProfile().SerializeAsString()));
  Command command;
  command.directory = dir.path();
  command.argv = {"/bin/sh", "-c",
                  "echo old > page.html; trap '' XFSZ; ulimit -f 8; exec \"$0\" flame p -o page.html",
                  HEAPPROF_COMMAND};
  const Result result = RunProgram(command);
  EXPECT_EQ(result.exit_status, 2) << result.Describe();
  EXPECT_EQ(result.err, "heapprof: page.html cannot be written: File too large\n");
  EXPECT_EQ(ListDir(dir.path()), (std::vector<std::string>{"p", "page.html"}));
  EXPECT_EQ(ReadFile(dir / "page.html"), "old\n");
}

}  // namespace
}  // namespace heapprof::test
