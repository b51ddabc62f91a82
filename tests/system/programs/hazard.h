// SPDX-License-Identifier: Apache-2.0
// Runs the programs of this folder as their drivers need them: first bare, to know that the program itself is
// right, then under the library at the intervals 512k, 4k and 1, and looks at every profile.
#ifndef HEAPPROF_TESTS_SYSTEM_PROGRAMS_HAZARD_H_
#define HEAPPROF_TESTS_SYSTEM_PROGRAMS_HAZARD_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/under.h"

namespace heapprof::test {

inline std::string Program(const std::string& name) { return std::string(PROGRAMS_DIR "/") + name; }

// One run of a program in a folder of its own.
class ProgramRun {
 public:
  ProgramRun(const std::vector<std::string>& argv, const std::string& options, int timeout_seconds = 60)
      : command_(Under(dir_, argv, options)) {
    command_.directory = dir_.path();
    command_.timeout_seconds = timeout_seconds;
  }
  Command& command() { return command_; }
  const TempDir& dir() const { return dir_; }
  const Result& Execute() {
    result_ = RunProgram(command_);
    return result_;
  }
  const Result& result() const { return result_; }
  std::vector<HeapProfile> Profiles() const { return ExpectGoodProfiles(dir_.path()); }
  size_t ProfileCount() const { return FindProfiles(dir_.path()).size(); }
  // The lines of standard error that the library wrote.
  std::vector<std::string> Said() const {
    std::vector<std::string> lines;
    for (size_t begin = 0; begin < result_.err.size();) {
      const size_t end = std::min(result_.err.find('\n', begin), result_.err.size());
      const std::string line = result_.err.substr(begin, end - begin);
      if (line.rfind("heapprof: ", 0) == 0) lines.push_back(line);
      begin = end + 1;
    }
    return lines;
  }

 private:
  TempDir dir_;
  Command command_;
  Result result_;
};

// Fails the running test unless the program ended as it should and complained of nothing.
inline void ExpectWell(const Result& result, int status = 0) {
  EXPECT_EQ(result.exit_status, status) << result.Describe();
  EXPECT_FALSE(result.timed_out);
  EXPECT_NE(result.out.find("OK\n"), std::string::npos) << result.Describe();
}

// The parameter of tests that go over the intervals; "bare" is a run without the library.
class AtInterval : public testing::TestWithParam<std::string> {
 protected:
  bool Bare() const { return GetParam() == "bare"; }
  // A run at the interval of this test. `options` are appended.
  std::unique_ptr<ProgramRun> Hazard(const std::vector<std::string>& argv, const std::string& options = "",
                                     int timeout_seconds = 60) {
    return std::make_unique<ProgramRun>(
        argv, "sample_interval=" + GetParam() + (options.empty() ? "" : ":" + options), timeout_seconds);
  }
  // Executes `run`, bare if this test is so, and expects it to end well.
  void ExpectRunsWell(ProgramRun* run, int status = 0) {
    if (Bare()) run->command().env.clear();
    ExpectWell(run->Execute(), status);
    EXPECT_TRUE(run->Said().empty()) << run->result().err;
  }
};

inline std::string IntervalName(const testing::TestParamInfo<std::string>& info) { return info.param; }

#define INTERVALS(Suite) \
  INSTANTIATE_TEST_SUITE_P(Intervals, Suite, testing::Values("bare", "512k", "4k", "1"), IntervalName)

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SYSTEM_PROGRAMS_HAZARD_H_
