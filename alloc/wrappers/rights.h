// SPDX-License-Identifier: Apache-2.0
// Calls by which a process gives up rights, while a wall-clock profile runs or HTTP is served.
//
// The process that watches the threads has the rights that the program had when it was started, and shares
// its memory. So it ends before such a call, and the next one begins after it, with what is left. After
// seccomp none begins: a filter may kill who makes a process. Who calls past libc is found out at the
// watcher's next look (sampling/wall/watcher.h). The thread that serves HTTP (http/server.h) is held to the
// same, since such calls change the rights of their own thread, and some are refused where there are two.
//
// What is read of the machine's files for later threads is read before seccomp.
//
// Thread-safety, signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_ALLOC_WRAPPERS_RIGHTS_H_
#define HEAPPROF_ALLOC_WRAPPERS_RIGHTS_H_

#include <errno.h>

#include "alloc/backend/default_settings.h"
#include "http/server.h"
#include "sampling/wall/wall_sampler.h"

namespace heapprof {

// What is left to be done after the call.
// kChanges: of threads, too; kChangesProcess: the watcher's alone, as the server's thread shares what is
// changed, ends by itself, or has no use for it.
enum class RightsCall { kNone, kChangesProcess, kChanges, kConfines };

// What system call `number`, with `first` as its first argument, does to the rights of its caller.
RightsCall KindOfRightsCall(long number, long first);

// The result of call().
template <typename Call>
auto WithoutWatcher(RightsCall kind, Call call) {
  if (kind == RightsCall::kConfines) AskForProcessors();
  const bool serves = kind > RightsCall::kChangesProcess && http::PauseServer();
  const bool watched = kind != RightsCall::kNone && wall::Pause();
  auto result = call();
  if (!watched && !serves) return result;
  const int saved = errno;
  if (kind == RightsCall::kConfines && result >= 0) {
    if (watched) wall::GiveUp(wall::GivenUp::kConfined);
    if (serves) http::GiveServerUp();
  } else {
    if (watched) wall::Resume();
    if (serves) http::ResumeServer();
  }
  errno = saved;
  return result;
}

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_WRAPPERS_RIGHTS_H_
