// SPDX-License-Identifier: Apache-2.0
// Programs that nobody here wrote, run with and without the library: same output, same status, whole
// profiles.
#ifndef HEAPPROF_TESTS_SYSTEM_REAL_REAL_H_
#define HEAPPROF_TESTS_SYSTEM_REAL_REAL_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/under.h"

namespace heapprof::test {

// A file of this folder's inputs/.
inline std::string Input(const std::string& name) { return std::string(INPUTS_DIR "/") + name; }

// Ends the running test unless `program` is there.
#define REQUIRE_PROGRAM(program, package) \
  ASSERT_TRUE(HaveProgram(program)) << (program) << " is missing: install the package " << (package)

// The output of `argv` without the library, in a folder of its own.
Result WithoutTheLibrary(const std::vector<std::string>& argv, const std::string& directory);

class AtInterval : public testing::TestWithParam<std::string> {
 protected:
  // Options of this test's interval, with a dump at exit.
  std::string Options() const { return "dump_at_exit=1:sample_interval=" + GetParam(); }
  // `argv` under the library, in `directory`; profiles go to profiles_.
  Command WithTheLibrary(const std::vector<std::string>& argv, const std::string& directory);
  // Both ways; expects the same, a whole profile of each process, and samples in it.
  void ExpectSame(const std::vector<std::string>& argv, int timeout_seconds = 60);
  // Every profile is whole, and the largest one has samples; at interval 1 of at least `objects` blocks.
  void ExpectProfiles(int64_t objects);

  TempDir profiles_;
};

#define INTERVALS(Suite)                                                         \
  INSTANTIATE_TEST_SUITE_P(Intervals, Suite, testing::Values("512k", "4k", "1"), \
                           [](const testing::TestParamInfo<std::string>& info) { return info.param; })

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SYSTEM_REAL_REAL_H_
