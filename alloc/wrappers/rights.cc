// SPDX-License-Identifier: Apache-2.0
#include "alloc/wrappers/rights.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "alloc/wrappers/next.h"

namespace heapprof {

RightsCall KindOfRightsCall(long number, long first) {
  constexpr long kLastSeccompMode = 1;
  switch (number) {
    case SYS_setuid:
    case SYS_setgid:
    case SYS_setreuid:
    case SYS_setregid:
    case SYS_setresuid:
    case SYS_setresgid:
    case SYS_setgroups:
    case SYS_capset:
    case SYS_setns:
#ifdef SYS_landlock_restrict_self
    case SYS_landlock_restrict_self:
#endif
      return RightsCall::kChanges;
    case SYS_setfsuid:
    case SYS_setfsgid:
    case SYS_chroot:
    case SYS_pivot_root:
    case SYS_execve:
    case SYS_execveat:
      return RightsCall::kChangesProcess;
    case SYS_unshare:  // a namespace for children changes nothing here
      return (first & ~long{CLONE_NEWPID}) == 0 ? RightsCall::kNone : RightsCall::kChanges;
    case SYS_seccomp:
      return first <= kLastSeccompMode ? RightsCall::kConfines : RightsCall::kNone;  // others only ask
    case SYS_prctl:
      switch (first) {
        case PR_SET_SECCOMP:
          return RightsCall::kConfines;
        case PR_SET_NO_NEW_PRIVS:
        case PR_CAPBSET_DROP:
        case PR_CAP_AMBIENT:
        case PR_SET_SECUREBITS:
          return RightsCall::kChanges;
        case PR_SET_DUMPABLE:  // who may trace it
          return RightsCall::kChangesProcess;
        default:
          return RightsCall::kNone;
      }
    default:
      return RightsCall::kNone;
  }
}

}  // namespace heapprof

#pragma GCC visibility push(hidden)
extern "C" {

bool hp_changes_rights(long number, long first) {
  return heapprof::KindOfRightsCall(number, first) != heapprof::RightsCall::kNone;
}

// libc's syscall() with such a number, none of which has more than five arguments.
long hp_rights_syscall(long number, long a, long b, long c, long d, long e) {
  return heapprof::WithoutWatcher(heapprof::KindOfRightsCall(number, a),
                                  [&] { return hp_next_syscall(number, a, b, c, d, e); });
}

}  // extern "C"
#pragma GCC visibility pop
