// SPDX-License-Identifier: Apache-2.0
#include "tests/support/under.h"

#include <gtest/gtest.h>

namespace heapprof::test {

std::string LibraryPath() { return HEAPPROF_LIBRARY; }

Command Under(const TempDir& dir, const std::vector<std::string>& argv, const std::string& options) {
  Command command;
  command.argv = argv;
  command.env = {{"LD_PRELOAD", LibraryPath()},
                 {"HEAPPROF_OPTIONS", "output=" + (dir / "h.%p.%n") + ":" + options}};
  return command;
}

std::vector<HeapProfile> ExpectGoodProfiles(const std::string& folder) {
  std::vector<HeapProfile> profiles;
  for (const std::string& path : FindProfiles(folder)) {
    profiles.push_back(ReadProfile(path));
    EXPECT_EQ(profiles.back().error(), "") << path;
  }
  for (const std::string& name : ListDir(folder)) {
    const bool temporary = name.rfind("h.", 0) == 0 && name.find(".heap.pb.gz") + 11 != name.size() &&
                           name.find(".cpu.pb.gz") + 10 != name.size();
    EXPECT_FALSE(temporary) << "left behind: " << name;
  }
  return profiles;
}

}  // namespace heapprof::test
