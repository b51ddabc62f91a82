// SPDX-License-Identifier: Apache-2.0
// Where the agent's own pages are served, and to whom.
#include "tools/agent/face.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tools/base/failure.h"

namespace heapprof::tools::agent {
namespace {

TEST(Hosts, ASocketThatNobodyListensAtGivesWayAndNothingElse) {
  const test::TempDir dir;
  const auto page = [](const std::string&, std::string*) { return std::string(); };
  test::WriteFile(dir / "file", "mine");
  EXPECT_THROW(Face("unix:" + (dir / "file"), page), Failure);
  EXPECT_EQ(test::ReadFile(dir / "file"), "mine");
  ASSERT_EQ(symlink((dir / "file").c_str(), (dir / "link").c_str()), 0);
  EXPECT_THROW(Face("unix:" + (dir / "link"), page), Failure);
  EXPECT_THAT(test::ListDir(dir.path()), testing::ElementsAre("file", "link"));
  {
    Face face("unix:" + (dir / "s"), page);
    ASSERT_EQ(link((dir / "s").c_str(), (dir / "left").c_str()), 0);
  }
  Face face("unix:" + (dir / "left"), page);  // of an agent that was killed
  EXPECT_THROW(Face("unix:" + (dir / "left"), page), Failure);
}

TEST(Hosts, APortThatIsNoneIsRefused) {
  const auto page = [](const std::string&, std::string*) { return std::string(); };
  for (const char* address : {"99999", "65536", "-1", "", "x", "127.0.0.1:", "[::1]:80808"})
    EXPECT_THROW(Face(address, page), Failure) << address;
  EXPECT_NE(Face("0", page).address(), "0");
}

TEST(Hosts, OnlyAddressesAndLocalhostNameThisMachineForEverybody) {
  for (const char* host : {"", "localhost", "localhost:80", "127.0.0.1:80", "[::1]:80", "10.0.0.1"})
    EXPECT_TRUE(IsLocalHost(host)) << host;
  for (const char* host : {"evil.example", "localhost.evil.example:80", "127.0.0.1.evil.example"})
    EXPECT_FALSE(IsLocalHost(host)) << host;
}

}  // namespace
}  // namespace heapprof::tools::agent
