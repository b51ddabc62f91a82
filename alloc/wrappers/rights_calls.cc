// SPDX-License-Identifier: Apache-2.0
// setuid and its kin, as the program calls them: rights.h. Part of the shared library only: in a program
// linked with -static libc's own, which change the rights of all threads, cannot be found behind ours.
//
// Thread-safety, signal-safety: as the functions wrapped. Allocates: never.
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/wrappers/next.h"
#include "alloc/wrappers/rights.h"
#include "base/system/coarse_clock.h"

namespace heapprof {
namespace {

template <RightsCall kKind = RightsCall::kChanges, typename... Parameters>
int Changing(int (*next)(Parameters...), Parameters... arguments) {
  return WithoutWatcher(kKind, [&] { return next(arguments...); });
}

}  // namespace
}  // namespace heapprof

using heapprof::Changing;
using heapprof::g_next;
using heapprof::Initialize;

extern "C" {

#define HEAPPROF_CHANGES(kind, name, parameters, ...)                                    \
  HEAPPROF_EXPORT int name parameters noexcept {                                         \
    Initialize();                                                                        \
    return Changing<heapprof::RightsCall::kind>(g_next.name __VA_OPT__(, ) __VA_ARGS__); \
  }
#define HEAPPROF_CHANGES_RIGHTS(name, parameters, ...) \
  HEAPPROF_CHANGES(kChanges, name, parameters __VA_OPT__(, ) __VA_ARGS__)
HEAPPROF_CHANGES_RIGHTS(setuid, (uid_t id), id)
HEAPPROF_CHANGES_RIGHTS(seteuid, (uid_t id), id)
HEAPPROF_CHANGES_RIGHTS(setgid, (gid_t id), id)
HEAPPROF_CHANGES_RIGHTS(setegid, (gid_t id), id)
HEAPPROF_CHANGES_RIGHTS(setreuid, (uid_t real, uid_t effective), real, effective)
HEAPPROF_CHANGES_RIGHTS(setregid, (gid_t real, gid_t effective), real, effective)
HEAPPROF_CHANGES_RIGHTS(setresuid, (uid_t real, uid_t effective, uid_t saved), real, effective, saved)
HEAPPROF_CHANGES_RIGHTS(setresgid, (gid_t real, gid_t effective, gid_t saved), real, effective, saved)
HEAPPROF_CHANGES(kChangesProcess, setfsuid, (uid_t id), id)
HEAPPROF_CHANGES(kChangesProcess, setfsgid, (gid_t id), id)
HEAPPROF_CHANGES_RIGHTS(setgroups, (size_t count, const gid_t* groups), count, groups)
HEAPPROF_CHANGES_RIGHTS(setns, (int fd, int kind), fd, kind)
HEAPPROF_CHANGES(kChangesProcess, chroot, (const char* path), path)
HEAPPROF_CHANGES_RIGHTS(capset, (__user_cap_header_struct * header, const __user_cap_data_struct* data),
                        header, data)
#undef HEAPPROF_CHANGES_RIGHTS
#undef HEAPPROF_CHANGES

// Its own call of setgroups, in libc, is not seen.
HEAPPROF_EXPORT int initgroups(const char* user, gid_t group) {
  Initialize();
  return Changing(g_next.initgroups, user, group);
}

HEAPPROF_EXPORT int unshare(int flags) noexcept {
  Initialize();
  return heapprof::WithoutWatcher(heapprof::KindOfRightsCall(SYS_unshare, flags),
                                  [&] { return g_next.unshare(flags); });
}

HEAPPROF_EXPORT int prctl(int option, ...) noexcept {
  Initialize();
  va_list list;
  va_start(list, option);
  unsigned long a = va_arg(list, unsigned long), b = va_arg(list, unsigned long);
  unsigned long c = va_arg(list, unsigned long), d = va_arg(list, unsigned long);
  va_end(list);
  const bool gives_up_counter =
      (option == PR_SET_TSC && a == PR_TSC_SIGSEGV) || (option == PR_SET_SECCOMP && a == SECCOMP_MODE_STRICT);
  const bool had_counter = gives_up_counter && heapprof::UseProcessorCounter(false);
  const int result = heapprof::WithoutWatcher(heapprof::KindOfRightsCall(SYS_prctl, option),
                                              [&] { return g_next.prctl(option, a, b, c, d); });
  if (had_counter && result < 0) heapprof::UseProcessorCounter(true);
  return result;
}

}  // extern "C"
