// SPDX-License-Identifier: Apache-2.0
// Programs that were built with a sanitizer: it does the checking, undisturbed, and ours is off.
#include <algorithm>

#include "tests/system/leak/leak_run.h"

namespace heapprof::test {
namespace {

constexpr int kOwnStatus = 5;  // of leak_known

struct Build {
  const char* name;
  const char* summary;  // how the sanitizer sums up
  friend std::ostream& operator<<(std::ostream& out, const Build& build) { return out << build.name; }
};

class Sanitizer : public testing::TestWithParam<Build> {
 protected:
  void SetUp() override {
    if (access(program().c_str(), X_OK) != 0) {
      GTEST_SKIP() << "the compiler cannot build it: -fsanitize=" << GetParam().name;
    }
  }
  std::string program() const { return Program(std::string("leak_known_") + GetParam().name); }
  Command Plain(const std::vector<std::string>& argv, const std::string& sanitizer_options) const {
    Command command;
    command.argv = argv;
    command.directory = dir_.path();
    command.timeout_seconds = 60;
    command.env = {{"ASAN_OPTIONS", sanitizer_options}, {"LSAN_OPTIONS", sanitizer_options}};
    return command;
  }
  TempDir dir_;
};

std::vector<std::string> LinesWith(const std::string& text, const std::string& part) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    if (line.find(part) != std::string::npos) lines.push_back(line);
    begin = end + 1;
  }
  return lines;
}

TEST_P(Sanitizer, HasTheSameVerdictUnderTheCommand) {
  // With its check, and with its check switched off: the program's own status then.
  for (const char* options : {"detect_leaks=1", "detect_leaks=0"}) {
    const Result plain = RunProgram(Plain({program()}, options));
    const Result checked = RunProgram(Plain({HEAPPROF_COMMAND, "check", "--", program()}, options));
    EXPECT_EQ(checked.exit_status, plain.exit_status) << checked.Describe();
    EXPECT_EQ(checked.out, plain.out);
    const std::vector<std::string> summary = LinesWith(plain.err, "SUMMARY: ");
    EXPECT_EQ(LinesWith(checked.err, "SUMMARY: "), summary) << checked.Describe();
    if (std::string(options) == "detect_leaks=1") {
      ASSERT_EQ(summary.size(), 1u) << plain.Describe();
      EXPECT_EQ(summary[0].find(GetParam().summary), 0u) << summary[0];
      EXPECT_NE(plain.exit_status, kOwnStatus);
    } else {
      EXPECT_EQ(plain.exit_status, kOwnStatus) << plain.Describe();
    }
    const std::vector<std::string> ours = LinesWith(checked.err, "heapprof: ");
    ASSERT_EQ(ours.size(), 1u) << checked.Describe();
    EXPECT_NE(ours[0].find(" is built with "), std::string::npos) << ours[0];
  }
  EXPECT_TRUE(ListDir(dir_.path()).empty());
}

TEST_P(Sanitizer, PreloadedByHandTheLibrarySaysOnceThatItsCheckIsOff) {
  Command command = Plain({program()}, "");
  command.env.push_back({"LD_PRELOAD", LibraryPath()});
  command.env.push_back({"HEAPPROF_OPTIONS", "leak_check=unreachable"});
  const Result result = RunProgram(command);
  if (std::string(GetParam().name) == "address") {
    // It starts behind no other library.
    EXPECT_NE(result.err.find("runtime does not come first"), std::string::npos) << result.Describe();
  } else {
    EXPECT_EQ(result.exit_status, kOwnStatus) << result.Describe();
    EXPECT_EQ(result.out, "written before the end\n");
    EXPECT_EQ(result.err,
              "heapprof: no leak check: the program has a sanitizer of its own, which must run without "
              "libheapprof preloaded, as heapprof check has it\n");
  }
  EXPECT_TRUE(ListDir(dir_.path()).empty());
}

INSTANTIATE_TEST_SUITE_P(Builds, Sanitizer,
                         testing::Values(Build{"address", "SUMMARY: AddressSanitizer: "},
                                         Build{"leak", "SUMMARY: LeakSanitizer: "}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace heapprof::test
