// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/files.h"
#include "tools/symbols/cache/cache_folder.h"
#include "tools/symbols/cache/name_cache.h"

namespace heapprof::tools {
namespace {

using test::ListDir;
using test::TempDir;
using test::WriteFile;

// Gives the file the time of `second`.
void Date(const std::string& path, time_t second) {
  const timespec times[2] = {{second, 0}, {second, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

TEST(CacheFolder, DropsWhatWasReadLongestAgo) {
  TempDir dir;
  const std::string path = dir / "cache/heapprof";
  const CacheFolder folder(path, 100);
  folder.Write("a", std::string(30, 'a'));
  folder.Write("b", std::string(30, 'b'));
  folder.Write("c", std::string(30, 'c'));
  for (const auto& [name, second] : {std::pair("a", 1), std::pair("b", 2), std::pair("c", 3)}) {
    Date(path + "/" + name, second);
  }
  EXPECT_EQ(folder.Read("a"), std::string(30, 'a'));  // read last
  folder.Write("d", std::string(30, 'd'));
  EXPECT_EQ(ListDir(path), (std::vector<std::string>{"a", "c", "d"}));
  folder.Write("e", std::string(101, 'e'));
  EXPECT_EQ(ListDir(path), (std::vector<std::string>{"a", "c", "d"}));
  EXPECT_EQ(folder.Read("b"), "");
}

TEST(CacheFolder, RemovesWhatTheKilledLeft) {
  TempDir dir;
  const CacheFolder folder(dir / "heapprof", 100);
  folder.Write("a", "a");
  WriteFile(dir / "heapprof/b.1-0.tmp", "half");
  WriteFile(dir / "heapprof/c.1-0.tmp", "half");
  Date(dir / "heapprof/b.1-0.tmp", 1);
  folder.Write("a", "a");
  EXPECT_EQ(ListDir(dir / "heapprof"), (std::vector<std::string>{"a", "c.1-0.tmp"}));
}

TEST(CacheFolder, IsTheUsersOrNone) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may give a folder away";
  TempDir dir;
  const CacheFolder folder(dir / "heapprof", 100);
  folder.Write("a", "a");
  ASSERT_EQ(chown((dir / "heapprof").c_str(), 12345, 12345), 0);
  EXPECT_EQ(folder.Read("a"), "");
  folder.Write("b", "b");
  EXPECT_EQ(ListDir(dir / "heapprof"), std::vector<std::string>{"a"});
  // Of a folder that others may write to, too.
  ASSERT_EQ(chown((dir / "heapprof").c_str(), 0, 0), 0);
  EXPECT_EQ(folder.Read("a"), "a");
  ASSERT_EQ(chown((dir / "heapprof/a").c_str(), 12345, 12345), 0);
  EXPECT_EQ(folder.Read("a"), "");
}

// sudo -E: what root made in the user's folder would be in the user's way.
TEST(CacheFolder, RootMakesNoneInAFolderOfAUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may give a folder away";
  TempDir dir;
  const char* const had = getenv("XDG_CACHE_HOME");
  const std::string before = had == nullptr ? "" : had;
  setenv("XDG_CACHE_HOME", dir.path().c_str(), 1);
  EXPECT_EQ(CacheFolder::OfUser(), dir / "heapprof");
  EXPECT_EQ(chown(dir.path().c_str(), 12345, 12345), 0);
  EXPECT_EQ(CacheFolder::OfUser(), "");
  if (had != nullptr) {
    setenv("XDG_CACHE_HOME", before.c_str(), 1);
  } else {
    unsetenv("XDG_CACHE_HOME");
  }
}

TEST(NameCache, KeepsNamesOfManyWritersAtOnce) {
  TempDir dir;
  const NameCache cache(CacheFolder(dir / "heapprof"));
  constexpr int kWriters = 4, kRounds = 50;
  std::vector<pid_t> children;
  for (int writer = 0; writer < kWriters; ++writer) {
    const pid_t child = fork();
    if (child == 0) {
      for (int i = 0; i < kRounds; ++i) {
        const auto offset = static_cast<uint64_t>(writer) * kRounds + static_cast<uint64_t>(i);
        cache.Add("abcd", {{offset, {{"symbol" + std::to_string(offset), "/a/file.cc", 7, 3}}}});
        // A reader sees a whole file, of which its own last word is part, unless another has just replaced
        // it.
        for (const auto& [at, frames] : cache.Read("abcd")) {
          if (frames.size() != 1 || frames[0].symbol != "symbol" + std::to_string(at) ||
              frames[0].line != 7) {
            _exit(1);
          }
        }
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_FALSE(cache.Read("abcd").empty());
  EXPECT_EQ(ListDir(dir / "heapprof"), std::vector<std::string>{"abcd.names"});
}

TEST(NameCache, KeepsInlinedFramesAndThatThereAreNone) {
  TempDir dir;
  const NameCache cache(CacheFolder(dir / "heapprof"));
  cache.Add("abcd", {{1, {{"inner", "a.h", 5, 4}, {"outer", "a.cc", 9, 8}}}, {2, {}}});
  const NamesByOffset names = cache.Read("abcd");
  ASSERT_EQ(names.size(), 2u);
  EXPECT_TRUE(names.at(2).empty());
  ASSERT_EQ(names.at(1).size(), 2u);
  EXPECT_EQ(names.at(1)[1].symbol, "outer");
  EXPECT_EQ(names.at(1)[1].file, "a.cc");
  EXPECT_EQ(names.at(1)[1].line, 9);
  EXPECT_EQ(names.at(1)[1].start_line, 8);
  // A build id that is none, and would lead elsewhere.
  cache.Add("../../x", {{1, {}}});
  cache.Add("", {{1, {}}});
  EXPECT_EQ(ListDir(dir.path()), std::vector<std::string>{"heapprof"});
  EXPECT_EQ(ListDir(dir / "heapprof"), std::vector<std::string>{"abcd.names"});
}

}  // namespace
}  // namespace heapprof::tools
