// SPDX-License-Identifier: Apache-2.0
// Named profiles with values: of a whole program, and of the arena of docs/named-profiles.md.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

bool Has(const std::vector<std::string>& stack, const std::string& function) {
  return std::find(stack.begin(), stack.end(), function) != stack.end();
}

void ExpectValues(const pb::Sample& sample, int64_t count, int64_t amount) {
  ASSERT_EQ(sample.value_size(), 2);
  EXPECT_EQ(sample.value(0), count);
  EXPECT_EQ(sample.value(1), amount);
}

class Values : public testing::Test {
 protected:
  Values() {
    result_ = RunProgram(
        {{Program("values"), dir_ / "0", dir_ / "1", dir_ / "huge0", dir_ / "huge1", dir_ / "child"},
         {{"HEAPPROF_OPTIONS", "verbose=0"}},
         dir_.path(),
         60,
         nullptr});
    ExpectWell(result_);
  }
  Result Run(std::vector<std::string> argv) {
    return RunProgram({std::move(argv), {{"PPROF_TMPDIR", dir_.path()}}, dir_.path(), 60, nullptr});
  }
  TempDir dir_;
  Result result_;
};

// One run of the program, as its children take a while.
TEST_F(Values, AreInBothFormsAndEveryReaderShowsThem) {
  const CountProfile profile(ReadFile(dir_ / "0"));
  ASSERT_EQ(profile.error(), "");
  const auto& p = profile.proto();
  ASSERT_EQ(p.sample_type_size(), 2);
  EXPECT_EQ(profile.Text(p.sample_type(0).type()), "app.handles");
  EXPECT_EQ(profile.Text(p.sample_type(0).unit()), "count");
  EXPECT_EQ(profile.Text(p.sample_type(1).type()), "amount");
  EXPECT_EQ(profile.Text(p.sample_type(1).unit()), "handles");
  EXPECT_EQ(profile.Text(p.default_sample_type()), "amount");
  EXPECT_EQ(profile.Text(p.period_type().type()), "app.handles");
  EXPECT_EQ(p.period(), 1);
  ASSERT_EQ(p.sample_size(), 3);
  ExpectValues(p.sample(0), 4, 100);
  ExpectValues(p.sample(1), 9, 27);
  ExpectValues(p.sample(2), 4, 0);  // added without a value
  EXPECT_EQ(profile.Stack(p.sample(0)).front(), "OpenSockets") << "the C++ interface leaves no frame";
  EXPECT_EQ(profile.Stack(p.sample(1)).front(), "OpenFiles");
  EXPECT_EQ(profile.Stack(p.sample(2)).front(), "Plain");
  EXPECT_TRUE(Has(profile.Stack(p.sample(0)), "main"));
  EXPECT_EQ(profile.Labelled("peer", "10.0.0.1"), 4);

  const std::string text = ReadFile(dir_ / "1");
  EXPECT_EQ(text.rfind("app.handles profile: total 17: 127 handles\n4: 100 @ 0x", 0), 0u) << text;
  EXPECT_NE(text.find("# labels: {\"peer\":\"10.0.0.1\"}\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n9: 27 @ 0x"), std::string::npos) << text;
  EXPECT_NE(text.find("\n4: 0 @ 0x"), std::string::npos) << text;

  const CountProfile huge(ReadFile(dir_ / "huge0"));
  ASSERT_EQ(huge.proto().sample_size(), 1);
  ExpectValues(huge.proto().sample(0), INT64_MAX, INT64_MAX);
  EXPECT_EQ(ReadFile(dir_ / "huge1")
                .rfind("app.huge profile: total 9223372036854775807: 9223372036854775807 bytes\n", 0),
            0u);
  EXPECT_NE(ReadFile(dir_ / "child").find(" bytes\n"), std::string::npos);

  const Result pprof = Run({PPROF, "-top", dir_ / "0"});
  ASSERT_TRUE(pprof.ok()) << pprof.Describe();
  EXPECT_NE(pprof.out.find("Type: amount\n"), std::string::npos) << pprof.out;
  EXPECT_NE(pprof.out.find("100handles 78.74%  "), std::string::npos) << pprof.out;
  const Result counts = Run({PPROF, "-top", "-sample_index=app.handles", dir_ / "0"});
  EXPECT_NE(counts.out.find("52.94%"), std::string::npos) << counts.out;

  const Result top = Run({HEAPPROF_COMMAND, "top", dir_ / "0"});
  EXPECT_NE(top.out.find(", amount: 127 of 127 handles\n"), std::string::npos) << top.Describe();
  const Result tree = Run({HEAPPROF_COMMAND, "tree", dir_ / "0"});
  EXPECT_NE(tree.out.find(", amount: 127 of 127 handles\n"), std::string::npos) << tree.Describe();
  const Result diff = Run({HEAPPROF_COMMAND, "diff", dir_ / "0", dir_ / "0"});
  EXPECT_NE(diff.out.find(", amount: 127 -> 127 handles\n"), std::string::npos) << diff.Describe();
  const Result info = Run({HEAPPROF_COMMAND, "info", dir_ / "0"});
  EXPECT_NE(info.out.find("app.handles/count, amount/handles\n"), std::string::npos) << info.Describe();
  EXPECT_NE(info.out.find("127 handles\n"), std::string::npos) << info.Describe();
  const Result flame = Run({HEAPPROF_COMMAND, "flame", "-o", dir_ / "page.html", dir_ / "0"});
  EXPECT_TRUE(flame.ok()) << flame.Describe();
}

// The outputs that the document prints are those of its program.
class Document : public testing::Test {
 protected:
  std::string Output(const std::string& command) {
    Command words;
    words.argv = {"/bin/sh", "-c", command};
    words.directory = dir_.path();
    const std::string tools =
        std::string(HEAPPROF_COMMAND).substr(0, std::string(HEAPPROF_COMMAND).rfind('/'));
    words.env = {{"PATH", tools + ":" PROGRAMS_DIR ":" + std::string(getenv("PATH"))}, {"LC_ALL", "C.UTF-8"}};
    const Result result = RunProgram(words);
    EXPECT_TRUE(result.ok()) << command << "\n" << result.Describe();
    return result.out;
  }
  TempDir dir_;
};

TEST_F(Document, ShowsWhatItsProgramWrites) {
  const std::string text = ReadFile(DOCUMENT), prompt = "\n$ ";
  int commands = 0;
  for (size_t at = 0; (at = text.find(prompt, at)) != std::string::npos;) {
    const size_t from = at + prompt.size(), line_end = text.find('\n', from);
    const size_t end = std::min(text.find(prompt, from), text.find("\n```", from));
    ASSERT_NE(end, std::string::npos);
    const std::string printed = line_end >= end ? "" : text.substr(line_end + 1, end - line_end);
    const std::string command = text.substr(from, line_end - from);
    EXPECT_EQ(Output(command), printed) << command;
    ++commands;
    at = end;
  }
  EXPECT_GE(commands, 4);
}

}  // namespace
}  // namespace heapprof::test
