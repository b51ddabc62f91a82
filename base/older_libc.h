// SPDX-License-Identifier: Apache-2.0
// What the headers of an older libc or kernel do not declare, so that the library is built where they are:
// glibc from 2.31 on. The shared library looks these functions up at its start (alloc/libc/), so that having
// been built there or elsewhere makes no difference; the archive is not built where libc has none.
#ifndef HEAPPROF_BASE_OLDER_LIBC_H_
#define HEAPPROF_BASE_OLDER_LIBC_H_

#include <dlfcn.h>
#include <features.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#if __GLIBC_PREREQ(2, 32)
#include <sys/single_threaded.h>
#else
extern "C" {
extern char __libc_single_threaded;
const char* strerrordesc_np(int error);
}
#endif

namespace heapprof {
// For sigabbrev_np, which glibc has since 2.32: "USR1" of SIGUSR1; nullptr: no signal, or one in real time.
inline const char* SignalAbbreviation(int number) {
  static constexpr const char* kNames[] = {
      nullptr, "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1",
      "SEGV",  "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN",
      "TTOU",  "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "POLL", "PWR",  "SYS"};
  return number > 0 && number < 32 ? kNames[number] : nullptr;
}
}  // namespace heapprof

#if !__GLIBC_PREREQ(2, 33)
// As <malloc.h> has it since.
struct mallinfo2 {
  size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
extern "C" struct mallinfo2 mallinfo2(void) noexcept;
#endif

#if !__GLIBC_PREREQ(2, 34)
// As <sys/ptrace.h> has them since.
struct __ptrace_rseq_configuration {
  uint64_t rseq_abi_pointer;
  uint32_t rseq_abi_size, signature, flags, pad;
};
inline constexpr auto PTRACE_GET_RSEQ_CONFIGURATION = static_cast<__ptrace_request>(0x420f);
#endif

#if !__GLIBC_PREREQ(2, 35)
// As <dlfcn.h> has it since, on architectures without DLFO_STRUCT_HAS_EH_DBASE and _EH_COUNT.
struct dl_find_object {
  unsigned long long dlfo_flags;
  void* dlfo_map_start;
  void* dlfo_map_end;
  link_map* dlfo_link_map;
  void* dlfo_eh_frame;
  unsigned long long dlfo_reserved[7];
};
extern "C" int _dl_find_object(void* address, dl_find_object* result) noexcept;
#endif

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
// The same numbers on all architectures.
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

#endif  // HEAPPROF_BASE_OLDER_LIBC_H_
