// SPDX-License-Identifier: Apache-2.0
#include "base/system/raw_syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

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

// In a child of its own, as a filter stays.
TEST(RawSyscallTest, FilesAreRenamedWhereTheNewerCallIsMissing) {
  char from[] = "/tmp/raw_syscall_test.XXXXXX";
  const int fd = mkstemp(from);
  ASSERT_GE(fd, 0);
  close(fd);
  const std::string to = std::string(from) + ".renamed";
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      _exit(255);
    }
    _exit(-RawRename(from, to.c_str()));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(unlink(to.c_str()), 0);
  unlink(from);
}

TEST(RawSyscallTest, OwnMemoryIsCopiedOrRefused) {
  int value = 5, copy = 0;
  EXPECT_EQ(RawReadOwnMemory(&value, &copy, sizeof(value)), static_cast<ssize_t>(sizeof(value)));
  EXPECT_EQ(copy, 5);
  EXPECT_EQ(RawReadOwnMemory(reinterpret_cast<void*>(8), &copy, sizeof(copy)), -EFAULT);
}

}  // namespace
}  // namespace heapprof
