// SPDX-License-Identifier: Apache-2.0
// Each scenario of programs/, under heapprof and under the compiler's own LeakSanitizer: the same verdict.
#include <map>
#include <sstream>

#include "tests/system/leak/leak_run.h"

namespace heapprof::test {
namespace {

// Where we differ from LeakSanitizer, with the reason.
const std::map<std::string, std::string> kDifferences = {
    {"mapping",
     "anonymous memory of the program is a root here, as in valgrind: interpreters keep their objects there"},
    {"root_region_unregistered", "the same: the region is a root without being registered"},
    {"guard_page_in_block", "LeakSanitizer ends in a fault of its own on a page that cannot be read"},
    {"page_sealed",
     "the same, in the program's data: what is there counts here, though nobody can read it now"},
    {"block_sealed", "the same"},
    {"block_sealed_in_part", "the same"},
    {"below_own_stack", "a mapping: memory of the program is a root here"},
    {"below_unguarded_stack", "the same"},
    {"shared_of_parent", "the same"},
    {"shared_read_only", "the same"},
    {"reserved", "the same"},
    {"reserved_by_other_user", "the same"},
    {"last_thread_keeps", "LeakSanitizer ends in a failed assertion when the main thread has ended"},
};

constexpr int kLeaks = 23;

std::vector<std::string> NamesIn(const std::string& program) {
  const Result list = RunProgram({{Program(program)}, {}, "", 60, {}});
  EXPECT_TRUE(list.ok()) << list.Describe();
  std::vector<std::string> names;
  std::istringstream lines(list.out);
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  return names;
}

int TheirStatus(const std::string& name) {
  TempDir dir;
  Command sanitized;
  sanitized.argv = {Program("leak_scenarios_lsan"), name};
  sanitized.directory = dir.path();
  return RunProgram(sanitized).exit_status;
}

TEST(Scenarios, SameVerdictAsLeakSanitizer) {
  const std::vector<std::string> names = NamesIn("leak_scenarios");
  ASSERT_GE(names.size(), 98u);
  size_t leaky = 0;
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    TempDir dir;
    const int theirs = TheirStatus(name);
    const Result ours = RunProgram(Checked(dir, {Program("leak_scenarios"), name}));
    ASSERT_TRUE(ours.exit_status == 0 || ours.exit_status == kLeaks) << ours.Describe();
    if (name != "recoverable") {  // which goes on after a report
      EXPECT_EQ(ours.exit_status == kLeaks, SumOf(ParseReport(ours.err)).blocks > 0) << ours.err;
    }
    leaky += ours.exit_status == kLeaks ? 1 : 0;
    if (kDifferences.count(name) != 0) {
      EXPECT_NE(ours.exit_status, theirs) << "differs no more: strike it off the list";
    } else {
      EXPECT_EQ(ours.exit_status, theirs) << ours.Describe();
    }
  }
  // Neither a check that always finds nothing nor one that always finds something would do.
  EXPECT_GE(leaky, 30u);
  EXPECT_LE(leaky, names.size() - 30);
}

class WithoutLoader : public testing::TestWithParam<const char*> {};

TEST_P(WithoutLoader, SameVerdictAsWithALoader) {
  const std::vector<std::string> names = NamesIn(GetParam());
  ASSERT_GE(names.size(), 94u);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    TempDir dir;
    Command whole;
    whole.argv = {Program(GetParam()), name};
    whole.directory = dir.path();
    whole.env = {{"HEAPPROF_OPTIONS", "leak_check=unreachable"}};
    const Result result = RunProgram(whole);
    const Result with_loader = RunProgram(Checked(dir, {Program("leak_scenarios"), name}));
    EXPECT_EQ(result.exit_status, with_loader.exit_status) << result.Describe();
  }
}

INSTANTIATE_TEST_SUITE_P(Static, WithoutLoader,
                         testing::Values("leak_scenarios_static", "leak_scenarios_static_pie"),
                         [](const auto& info) { return std::string(info.param + sizeof("leak_scenarios")); });

}  // namespace
}  // namespace heapprof::test
