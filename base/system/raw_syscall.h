// SPDX-License-Identifier: Apache-2.0
// System calls without libc: no errno, no cancellation point, no interposition by a preloaded library.
//
// Each function returns what the kernel returns: a value >= 0, or -errno.
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_SYSTEM_RAW_SYSCALL_H_
#define HEAPPROF_BASE_SYSTEM_RAW_SYSCALL_H_

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

namespace heapprof {

// Defined per architecture in raw_syscall_<arch>.cc.
long RawSyscall(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);

int RawOpen(const char* path, int flags, int mode);
int RawClose(int fd);
// Closes all descriptors from `first` to `last`. A kernel before 5.9, or a sandbox, has them closed one by
// one.
void RawCloseRange(unsigned first, unsigned last);
ssize_t RawRead(int fd, void* to, size_t size);
ssize_t RawPread(int fd, void* to, size_t size, uint64_t offset);
ssize_t RawWrite(int fd, const void* from, size_t size);
int RawUnlink(const char* path);
int RawRename(const char* from, const char* to);
int RawGetPid();
int RawGetTid();
// Copies from this process' own memory; fails with -EFAULT where an ordinary read would fault. Returns the
// bytes copied. Where a sandbox forbids process_vm_readv /proc is asked; -ENOSYS if that is not there either.
ssize_t RawReadOwnMemory(const void* from, void* to, size_t size);
// True if the page of `address` can be read, asked with a call that fails instead of faulting.
bool RawReadable(const void* address);
// Nanoseconds since the epoch, and of the monotonic clock.
int64_t RawRealtimeNanos();
int64_t RawMonotonicNanos();
// Anonymous memory, zeroed, mapped when touched. nullptr on failure. Known as the profiler's own
// (own_mappings.h).
void* RawMap(size_t size);
void RawUnmap(void* address, size_t size);
// RawMap for a table that is read at random: huge pages, where the kernel gives them, spare most of the
// misses.
void* RawMapTable(size_t size);

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_RAW_SYSCALL_H_
