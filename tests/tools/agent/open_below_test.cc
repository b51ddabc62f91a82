// SPDX-License-Identifier: Apache-2.0
// Paths that somebody else has chosen, opened by openat2, and where the kernel has none, or a filter refuses
// it.
#include "tools/agent/process/open_below.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <functional>
#include <thread>
#include <utility>

#include "tests/support/files.h"
#include "tests/support/refused_calls.h"
#include "tools/agent/process/held_process.h"

namespace heapprof::tools::agent {
namespace {

using test::TempDir;

// The parameter: what openat2 answers; 0: what it is asked for.
class OpenBelowTest : public testing::TestWithParam<int> {
 protected:
  OpenBelowTest() {
    test::WriteFile(dir_ / "outside", "outside");
    EXPECT_EQ(mkdir((dir_ / "base").c_str(), 0755), 0);
    EXPECT_EQ(mkdir((dir_ / "base/below").c_str(), 0755), 0);
    test::WriteFile(dir_ / "base/inside", "inside");
    const std::pair<std::string, const char*> links[] = {
        {dir_ / "outside", "absolute"}, {"../outside", "up"},        {"/inside", "good"},
        {"around", "around"},           {"../inside", "below/back"}, {"/below/./", "side"}};
    for (const auto& [target, name] : links) {
      EXPECT_EQ(symlink(target.c_str(), ((dir_ / "base/") + name).c_str()), 0);
    }
    EXPECT_EQ(mkfifo((dir_ / "base/fifo").c_str(), 0600), 0);
    base_ = OwnedFd(open((dir_ / "base").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  // In a thread of its own, which the filter goes away with.
  static void Refused(const std::function<void()>& look) {
    std::thread([&] {
      ASSERT_TRUE(GetParam() == 0 || test::RefuseCalls({SYS_openat2}, GetParam()));
      look();
    }).join();
  }
  int Error(const std::string& path, Links links = Links::kWithin, int flags = O_RDONLY) const {
    errno = 0;
    return OwnedFd(OpenBelow(base_.get(), path, flags, links)).good() ? 0 : errno;
  }
  std::string Text(const std::string& path, Links links = Links::kWithin) const {
    const OwnedFd fd(OpenBelow(base_.get(), path, O_RDONLY, links));
    return fd.good() ? ReadUpTo(fd.get(), 100) : "";
  }

  TempDir dir_;
  OwnedFd base_;
};

TEST_P(OpenBelowTest, LeavesItsBaseByNoWay) {
  Refused([this] {
    for (const char* path :
         {"/absolute", "absolute", "/up", "/../outside", "../../outside", "/below/../../outside"})
      EXPECT_EQ(Error(path), ENOENT) << path;
    for (const char* path : {"absolute", "up", "good", "below/back", "side/back"})
      EXPECT_EQ(Error(path, Links::kNone), ELOOP) << path;
    for (const char* path : {"../outside", "below/../../outside", "..", "below/../.."})
      EXPECT_EQ(Error(path, Links::kNone), EXDEV) << path;
  });
}

TEST_P(OpenBelowTest, FollowsWhatStaysWithin) {
  Refused([this] {
    for (const char* path : {"/inside", "/good", "//.//inside", "/below/../inside", "/below/back",
                             "/side/back", "/side/../inside", "/../inside", "inside", "./below/../inside"}) {
      EXPECT_EQ(Text(path), "inside") << path;
    }
    EXPECT_EQ(Text("below/../inside", Links::kNone), "inside");
    for (const char* path : {"/", "/..", "/below/..", "/below/../.", "/side/.."}) {
      const OwnedFd folder(OpenBelow(base_.get(), path, O_RDONLY, Links::kWithin));
      EXPECT_EQ(faccessat(folder.get(), "below/back", F_OK, AT_SYMLINK_NOFOLLOW), 0) << path;
    }
  });
}

TEST_P(OpenBelowTest, FailsAsOpenDoes) {
  Refused([this] {
    EXPECT_EQ(Error("/around"), ELOOP);
    EXPECT_EQ(Error("/around/inside"), ELOOP);
    EXPECT_EQ(Error("/inside/"), ENOTDIR);
    EXPECT_EQ(Error("/inside/../inside"), ENOTDIR);
    EXPECT_EQ(Error("/inside", Links::kWithin, O_PATH | O_DIRECTORY), ENOTDIR);
    EXPECT_EQ(Error("/below", Links::kWithin, O_PATH | O_DIRECTORY), 0);
    EXPECT_EQ(Error("/below", Links::kWithin, O_WRONLY), EISDIR);
    EXPECT_EQ(Error(""), ENOENT);
    EXPECT_EQ(Error("/none"), ENOENT);
    EXPECT_EQ(Error("/" + std::string(5000, '/') + "inside"), ENAMETOOLONG);
  });
}

TEST_P(OpenBelowTest, ALastLinkIsLeftWhereTheFlagsSaySo) {
  Refused([this] {
    EXPECT_EQ(Error("/good", Links::kWithin, O_RDONLY | O_NOFOLLOW), ELOOP);
    struct stat status = {};
    const OwnedFd link(OpenBelow(base_.get(), "/good", O_PATH | O_NOFOLLOW, Links::kWithin));
    EXPECT_EQ(fstat(link.get(), &status), 0);
    EXPECT_TRUE(S_ISLNK(status.st_mode));
  });
}

TEST_P(OpenBelowTest, WaitsForNobodyAndIsClosedByExec) {
  Refused([this] {
    const OwnedFd fifo(OpenBelow(base_.get(), "/fifo", O_RDONLY, Links::kWithin));
    EXPECT_EQ(ReadUpTo(fifo.get(), 100), "");
    EXPECT_EQ(fcntl(fifo.get(), F_GETFD), FD_CLOEXEC);
    const OwnedFd path(OpenBelow(base_.get(), "/inside", O_PATH, Links::kWithin));
    EXPECT_EQ(fcntl(path.get(), F_GETFD), FD_CLOEXEC);
  });
}

TEST_P(OpenBelowTest, NoLinkOfProcIsFollowedPastItsText) {
  Refused([] {
    const OwnedFd root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (const char* path :
         {"/proc/thread-self/exe", "/proc/thread-self/root/etc/passwd", "/proc/thread-self/fd/0"})
      EXPECT_FALSE(OwnedFd(OpenBelow(root.get(), path, O_RDONLY, Links::kWithin)).good()) << path;
  });
}

// One who may choose the path may not have all descriptors.
TEST_P(OpenBelowTest, ADeepPathTakesFewDescriptors) {
  std::string path = dir_ / "base";
  for (int i = 0; i < 400; ++i) ASSERT_EQ(mkdir((path += "/d").c_str(), 0755), 0);
  Refused([&] {
    const std::string below = path.substr((dir_ / "base").size());
    const int error = Error(below, Links::kWithin, O_PATH);
    EXPECT_EQ(error, GetParam() == 0 ? 0 : ENAMETOOLONG);
    EXPECT_EQ(Error(below.substr(0, 200), Links::kWithin, O_PATH), 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Openat2Answers, OpenBelowTest, testing::Values(0, ENOSYS, EPERM));

}  // namespace
}  // namespace heapprof::tools::agent
