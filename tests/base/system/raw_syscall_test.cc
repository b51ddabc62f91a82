// SPDX-License-Identifier: Apache-2.0
#include "base/system/raw_syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

namespace heapprof {
namespace {

TEST(RawSyscallTest, ErrorsComeBackNegativeAndErrnoIsLeftAlone) {
  errno = 77;
  EXPECT_EQ(RawOpen("/nonexistent/file", O_RDONLY, 0), -ENOENT);
  EXPECT_EQ(RawWrite(-1, "x", 1), -EBADF);
  EXPECT_EQ(errno, 77);
}

TEST(RawSyscallTest, ReadableTellsMappedFromUnmappedAndChangesNoMask) {
  long page = sysconf(_SC_PAGESIZE);
  char* two =
      static_cast<char*>(mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(two, MAP_FAILED);
  ASSERT_EQ(mprotect(two + page, page, PROT_NONE), 0);
  sigset_t before, after;
  sigprocmask(SIG_BLOCK, nullptr, &before);
  EXPECT_TRUE(RawReadable(two));
  EXPECT_TRUE(RawReadable(two + page - 1));
  EXPECT_FALSE(RawReadable(two + page));
  EXPECT_FALSE(RawReadable(nullptr));
  EXPECT_FALSE(RawReadable(reinterpret_cast<void*>(UINTPTR_MAX)));
  sigprocmask(SIG_BLOCK, nullptr, &after);
  for (int s = 1; s < 65; ++s) EXPECT_EQ(sigismember(&before, s), sigismember(&after, s)) << s;
  munmap(two, 2 * page);
}

TEST(RawSyscallTest, OwnMemoryIsCopiedOrRefused) {
  int value = 5, copy = 0;
  EXPECT_EQ(RawReadOwnMemory(&value, &copy, sizeof(value)), static_cast<ssize_t>(sizeof(value)));
  EXPECT_EQ(copy, 5);
  EXPECT_EQ(RawReadOwnMemory(reinterpret_cast<void*>(8), &copy, sizeof(copy)), -EFAULT);
}

}  // namespace
}  // namespace heapprof
