// SPDX-License-Identifier: Apache-2.0
// Calls by which a process gives up rights, while a wall-clock profile runs.
//
// The process that watches the threads has the rights that the program had when it was started, and shares
// its memory. So it ends before such a call, and the next one begins after it, with what is left. After
// seccomp none begins: a filter may kill who makes a process. Who calls past libc is found out at the
// watcher's next look (sampling/wall/watcher.h).
//
// Thread-safety, signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_ALLOC_WRAPPERS_RIGHTS_H_
#define HEAPPROF_ALLOC_WRAPPERS_RIGHTS_H_

#include <errno.h>

#include "sampling/wall/wall_sampler.h"

namespace heapprof {

// What is left to be done after the call.
enum class RightsCall { kNone, kChanges, kConfines };

// What system call `number`, with `first` as its first argument, does to the rights of its caller.
RightsCall KindOfRightsCall(long number, long first);

// The result of call().
template <typename Call>
auto WithoutWatcher(RightsCall kind, Call call) {
  const bool watched = kind != RightsCall::kNone && wall::Pause();
  auto result = call();
  if (!watched) return result;
  if (kind == RightsCall::kConfines && result >= 0) {
    wall::GiveUp(wall::GivenUp::kConfined);
    return result;
  }
  const int saved = errno;
  wall::Resume();
  errno = saved;
  return result;
}

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_WRAPPERS_RIGHTS_H_
