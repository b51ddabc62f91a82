// SPDX-License-Identifier: Apache-2.0
#include "tests/system/real/real.h"

#include <algorithm>

namespace heapprof::test {

Result WithoutTheLibrary(const std::vector<std::string>& argv, const std::string& directory) {
  Command command;
  command.argv = argv;
  command.directory = directory;
  return RunProgram(command);
}

Command AtInterval::WithTheLibrary(const std::vector<std::string>& argv, const std::string& directory) {
  Command command = Under(profiles_, argv, Options());
  command.directory = directory;
  return command;
}

void AtInterval::ExpectProfiles(int64_t objects) {
  const std::vector<HeapProfile> profiles = ExpectGoodProfiles(profiles_.path());
  int64_t most = 0;
  for (const HeapProfile& profile : profiles) most = std::max(most, profile.Total().alloc_objects);
  EXPECT_FALSE(profiles.empty());
  if (GetParam() == "1") {
    EXPECT_GE(most, objects);
  } else if (GetParam() == "4k") {
    EXPECT_GT(most, 0);
  }
}

void AtInterval::ExpectSame(const std::vector<std::string>& argv, int timeout_seconds) {
  TempDir plain_dir, profiled_dir;
  const Result plain = WithoutTheLibrary(argv, plain_dir.path());
  ASSERT_EQ(plain.signal, 0) << plain.Describe();
  Command command = WithTheLibrary(argv, profiled_dir.path());
  command.timeout_seconds = timeout_seconds;
  const Result profiled = RunProgram(command);
  EXPECT_EQ(profiled.exit_status, plain.exit_status) << profiled.Describe();
  EXPECT_EQ(profiled.signal, 0) << profiled.Describe();
  EXPECT_EQ(profiled.out, plain.out);
  EXPECT_EQ(profiled.err, plain.err);
  EXPECT_EQ(ListDir(profiled_dir.path()), ListDir(plain_dir.path()));
  ExpectProfiles(1000);
}

}  // namespace heapprof::test
