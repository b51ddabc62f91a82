// Each scenario of programs/, under heapprof and under the compiler's own LeakSanitizer: the same verdict.
#include <map>
#include <sstream>

#include "tests/leak/leak_run.h"

namespace heapprof::test {
namespace {

// Where we differ from LeakSanitizer, with the reason.
const std::map<std::string, std::string> kDifferences = {
    {"mapping",
     "anonymous memory of the program is a root here, as in valgrind: interpreters keep their objects there"},
    {"root_region_unregistered", "the same: the region is a root without being registered"},
    {"guard_page_in_block", "LeakSanitizer ends in a fault of its own on a page that cannot be read"},
};

constexpr int kLeaks = 23;

std::vector<std::string> Names() {
  const Result list = RunProgram({{Program("leak_scenarios")}, {}, "", 60, {}});
  EXPECT_TRUE(list.ok()) << list.Describe();
  std::vector<std::string> names;
  std::istringstream lines(list.out);
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  return names;
}

TEST(Scenarios, SameVerdictAsLeakSanitizer) {
  const std::vector<std::string> names = Names();
  ASSERT_GE(names.size(), 85u);
  size_t leaky = 0;
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    TempDir dir;
    Command sanitized;
    sanitized.argv = {Program("leak_scenarios_lsan"), name};
    sanitized.directory = dir.path();
    const Result theirs = RunProgram(sanitized);
    const Result ours = RunProgram(Checked(dir, {Program("leak_scenarios"), name}));
    ASSERT_TRUE(ours.exit_status == 0 || ours.exit_status == kLeaks) << ours.Describe();
    if (name != "recoverable") {  // which goes on after a report
      EXPECT_EQ(ours.exit_status == kLeaks, SumOf(ParseReport(ours.err)).blocks > 0) << ours.err;
    }
    leaky += ours.exit_status == kLeaks ? 1 : 0;
    if (kDifferences.count(name) != 0) {
      EXPECT_NE(ours.exit_status, theirs.exit_status) << "differs no more: strike it off the list";
    } else {
      EXPECT_EQ(ours.exit_status, theirs.exit_status) << "ours:\n" << ours.Describe() << theirs.Describe();
    }
  }
  // Neither a check that always finds nothing nor one that always finds something would do.
  EXPECT_GE(leaky, 30u);
  EXPECT_LE(leaky, names.size() - 30);
}

}  // namespace
}  // namespace heapprof::test
