// SPDX-License-Identifier: Apache-2.0
// System calls that are answered with an error: as an older kernel (ENOSYS) or a container's filter (EPERM)
// does.
#ifndef HEAPPROF_TESTS_SUPPORT_REFUSED_CALLS_H_
#define HEAPPROF_TESTS_SUPPORT_REFUSED_CALLS_H_

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

namespace heapprof::test {

// From now on `calls` fail with `error`: in this thread and those that it starts, or, by
// SECCOMP_FILTER_FLAG_TSYNC, in all of the process. False: errno says why not.
inline bool RefuseCalls(const std::vector<long>& calls, int error, unsigned flags = 0) {
  auto left = static_cast<uint8_t>(calls.size());
  std::vector<sock_filter> filter = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const long call : calls) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), left, 0));
    --left;
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0;
}

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SUPPORT_REFUSED_CALLS_H_
