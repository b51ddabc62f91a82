// SPDX-License-Identifier: Apache-2.0
#include "tests/support/under.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace heapprof::test {

std::string LibraryPath() { return HEAPPROF_LIBRARY; }

Command Under(const TempDir& dir, const std::vector<std::string>& argv, const std::string& options) {
  Command command;
  command.argv = argv;
  command.env = {{"LD_PRELOAD", LibraryPath()},
                 {"HEAPPROF_OPTIONS", "output=" + (dir / "h.%p.%n") + ":" + options}};
  return command;
}

namespace {

bool IsTemporary(const std::string& name) {
  return name.rfind("h.", 0) == 0 && name.find(".heap.pb.gz") + 11 != name.size() &&
         name.find(".cpu.pb.gz") + 10 != name.size() && name.find(".lifetimes.pb.gz") + 16 != name.size();
}

}  // namespace

void RemoveWhatTheKilledLeft(const std::string& folder) {
  for (const std::string& name : ListDir(folder)) {
    if (!IsTemporary(name)) continue;
    const int process = static_cast<int>(syscall(SYS_pidfd_open, atoi(name.c_str() + 2), 0));
    if (process >= 0) {
      pollfd end = {process, POLLIN, 0};
      poll(&end, 1, 60000);
      close(process);
    }
    unlink((folder + "/" + name).c_str());  // unless it has its name by now
  }
}

std::vector<HeapProfile> ExpectGoodProfiles(const std::string& folder) {
  std::vector<HeapProfile> profiles;
  for (const std::string& path : FindProfiles(folder)) {
    profiles.push_back(ReadProfile(path));
    EXPECT_EQ(profiles.back().error(), "") << path;
  }
  for (const std::string& name : ListDir(folder)) {
    EXPECT_FALSE(IsTemporary(name)) << "left behind: " << name;
  }
  return profiles;
}

}  // namespace heapprof::test
