// SPDX-License-Identifier: Apache-2.0
// What calls cost, in instructions: times are noisy, and a few percent more a sample would not be seen in
// them.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "alloc/backend/jemalloc_leaves.h"
#include "tests/alloc/programs.h"

namespace heapprof::test {
namespace {

std::map<std::string, long> CountsAt(const std::string& interval) {
  TempDir dir;
  Result result =
      RunProgram(Under(dir, {Program("instruction_counts")}, "sample_interval=" + interval + ",seed=1"));
  EXPECT_TRUE(result.ok()) << result.Describe();
  std::map<std::string, long> counts;
  std::istringstream lines(result.out);
  std::string name;
  for (long count; lines >> name >> count;) counts[name] = count;
  return counts;
}

TEST(InstructionCountsTest, NoCallRunsMoreThanTheGoldenFileSays) {
  std::ifstream golden(SLOW_PATH_GOLDEN);
  std::map<std::string, std::map<std::string, long>> counts;
  int compared = 0;
  for (std::string line; std::getline(golden, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string interval, name;
    long most = 0;
    ASSERT_TRUE(words >> interval >> name >> most) << line;
#if defined(JE_WIDE_ADDRESSES)  // who asks a block's page for its size goes a step more
    if (name.find("malloc_of") == std::string::npos) most += 3;
#endif
    if (counts.count(interval) == 0) counts[interval] = CountsAt(interval);
    ASSERT_EQ(counts[interval].count(name), 1u) << line;
    EXPECT_LE(counts[interval][name], most) << "at interval " << interval << ": " << name;
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace heapprof::test
