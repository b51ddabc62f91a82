// SPDX-License-Identifier: Apache-2.0
#include "base/system/kept_stderr.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

constexpr int kStderr = 2;
int g_copy = -1;
struct stat g_file;  // what the copy is

bool Status(int fd, struct stat* status) {
  return RawSyscall(SYS_fstat, fd, reinterpret_cast<long>(status)) == 0;
}

bool IsNullDevice(const struct stat& file) {
  constexpr int kMajor = 1, kMinor = 3;
  return S_ISCHR(file.st_mode) && file.st_rdev == makedev(kMajor, kMinor);
}

bool IsWritable(int fd) {
  const long flags = RawSyscall(SYS_fcntl, fd, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

}  // namespace

void KeepStderr() {
  // The highest that select() can take, as the limit on descriptors may be without end: the kernel's table of
  // descriptors is as long as the highest one.
  constexpr long kHighest = 1023, kTries = 8;
  // Whoever leaves a program no more than that may have counted those that it needs.
  constexpr rlim_t kFew = 63;
  struct rlimit limit = {};
  if (RawSyscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, reinterpret_cast<long>(&limit)) != 0 ||
      limit.rlim_cur <= kFew)
    return;
  long at = limit.rlim_cur > kHighest ? kHighest : static_cast<long>(limit.rlim_cur) - 1;
  for (long i = 0; i < kTries && at > kStderr; ++i, --at) {
    const long copy = RawSyscall(SYS_fcntl, kStderr, F_DUPFD_CLOEXEC, at);
    if (copy < 0) continue;
    if (Status(static_cast<int>(copy), &g_file)) g_copy = static_cast<int>(copy);
    return;
  }
}

int StderrNow() {
  if (g_copy < 0) return kStderr;
  struct stat now = {};
  if (IsWritable(kStderr) && Status(kStderr, &now) && (!IsNullDevice(now) || IsNullDevice(g_file))) {
    return kStderr;
  }
  const bool same = IsWritable(g_copy) && Status(g_copy, &now) && now.st_dev == g_file.st_dev &&
                    now.st_ino == g_file.st_ino && now.st_rdev == g_file.st_rdev;
  return same ? g_copy : kStderr;
}

}  // namespace heapprof
