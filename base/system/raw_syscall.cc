// SPDX-License-Identifier: Apache-2.0
#include "base/system/raw_syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "base/system/own_mappings.h"

namespace heapprof {
namespace {

long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

int64_t ClockNanos(clockid_t clock) {
  timespec now = {};
  RawSyscall(SYS_clock_gettime, clock, Address(&now));
  return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}

// Where there is no call for it: an emulator, a kernel without that part, a container's filter.
ssize_t ReadByFile(const void* from, void* to, size_t size) {
  const int memory = RawOpen("/proc/thread-self/mem", O_RDONLY | O_CLOEXEC, 0);
  if (memory < 0) return -ENOSYS;
  const ssize_t got = RawPread(memory, to, size, static_cast<uint64_t>(Address(from)));
  RawClose(memory);
  return got == -EIO ? -EFAULT : got;
}

}  // namespace

int RawOpen(const char* path, int flags, int mode) {
  return static_cast<int>(RawSyscall(SYS_openat, AT_FDCWD, Address(path), flags, mode));
}

int RawClose(int fd) { return static_cast<int>(RawSyscall(SYS_close, fd)); }

ssize_t RawRead(int fd, void* to, size_t size) {
  return RawSyscall(SYS_read, fd, Address(to), static_cast<long>(size));
}

ssize_t RawPread(int fd, void* to, size_t size, uint64_t offset) {
  return RawSyscall(SYS_pread64, fd, Address(to), static_cast<long>(size), static_cast<long>(offset));
}

void RawCloseRange(unsigned first, unsigned last) {
  constexpr long kCloseRange = 436;  // on all architectures; older headers do not have it
  if (first > last || RawSyscall(kCloseRange, first, last, 0) == 0) return;
  rlimit limit = {};
  RawSyscall(SYS_getrlimit, RLIMIT_NOFILE, Address(&limit));
  constexpr rlim_t kMax = 1 << 16;
  const rlim_t end = limit.rlim_cur < kMax ? limit.rlim_cur : kMax;
  for (rlim_t fd = first; fd < end && fd <= last; ++fd) RawClose(static_cast<int>(fd));
}

ssize_t RawWrite(int fd, const void* from, size_t size) {
  return RawSyscall(SYS_write, fd, Address(from), static_cast<long>(size));
}

int RawUnlink(const char* path) {
  return static_cast<int>(RawSyscall(SYS_unlinkat, AT_FDCWD, Address(path), 0));
}

int RawRename(const char* from, const char* to) {
  long result = RawSyscall(SYS_renameat2, AT_FDCWD, Address(from), AT_FDCWD, Address(to), 0);
#ifdef SYS_renameat
  // A kernel before 3.15, or a sandbox that knows of none later, and may answer so.
  if (result == -ENOSYS || result == -EPERM) {
    result = RawSyscall(SYS_renameat, AT_FDCWD, Address(from), AT_FDCWD, Address(to));
  }
#endif
  return static_cast<int>(result);
}

int RawGetPid() { return static_cast<int>(RawSyscall(SYS_getpid)); }

int RawGetTid() { return static_cast<int>(RawSyscall(SYS_gettid)); }

ssize_t RawReadOwnMemory(const void* from, void* to, size_t size) {
  iovec local = {to, size};
  iovec remote = {const_cast<void*>(from), size};
  // By the thread's id: that of the process has no memory any more once the main thread has ended.
  const long got = RawSyscall(SYS_process_vm_readv, RawGetTid(), Address(&local), 1, Address(&remote), 1, 0);
  // A container's filter may answer as if it were somebody else's memory.
  return got == -ENOSYS || got == -EPERM ? ReadByFile(from, to, size) : got;
}

bool RawReadable(const void* address) {
  // The kernel copies the signal set in before it looks at `how`, which is none here: EFAULT for an address
  // that cannot be read, EINVAL for one that can, and no mask is ever changed. Works in every sandbox that
  // allows rt_sigprocmask, which libc itself cannot do without. The set is 8 bytes: round down, so that it
  // does not reach into the next page.
  constexpr long kNoSuchHow = -1;
  uintptr_t aligned = reinterpret_cast<uintptr_t>(address) & ~uintptr_t{7};
  if (aligned == 0) return false;  // to the kernel: no set given
  return RawSyscall(SYS_rt_sigprocmask, kNoSuchHow, static_cast<long>(aligned), 0, 8) != -EFAULT;
}

int64_t RawRealtimeNanos() { return ClockNanos(CLOCK_REALTIME); }

int64_t RawMonotonicNanos() { return ClockNanos(CLOCK_MONOTONIC); }

void* RawMap(size_t size) {
  long result = RawSyscall(SYS_mmap, 0, static_cast<long>(size), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  constexpr long kLowestError = -4095;
  if (result < 0 && result >= kLowestError) return nullptr;
  NoteOwnMapping(static_cast<uintptr_t>(result), size);
  return reinterpret_cast<void*>(result);
}

void* RawMapTable(size_t size) {
  constexpr size_t kHugePage = 2 << 20;
  void* memory = RawMap(size);
  if (memory != nullptr && size >= 2 * kHugePage) {
    RawSyscall(SYS_madvise, Address(memory), static_cast<long>(size), MADV_HUGEPAGE);
  }
  return memory;
}

void RawUnmap(void* address, size_t size) {
  ForgetOwnMapping(reinterpret_cast<uintptr_t>(address), size);
  RawSyscall(SYS_munmap, Address(address), static_cast<long>(size));
}

}  // namespace heapprof
