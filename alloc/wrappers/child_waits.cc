// SPDX-License-Identifier: Apache-2.0
// Waits for children, as the program makes them.
//
// The process that watches the threads for a wall-clock profile is a child, which a wait passes over unless
// it asks for all kinds (__WALL, __WCLONE), as tracers do. Such a wait for any child would last as long as
// the watcher does: a tracer that goes on until there are none would never end. So the profile ends before
// it. Part of the shared library only: in a program linked with -static libc's own, which are points of
// cancellation, cannot be found behind ours.
//
// Thread-safety, signal-safety: as the functions wrapped. Allocates: never.
#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/wrappers/next.h"
#include "sampling/wall/wall_sampler.h"

namespace heapprof {
namespace {

void BeforeWait(bool for_any, int options) {
  Initialize();
  if (!for_any || (options & (__WALL | __WCLONE)) == 0) return;
  const int saved = errno;
  if (wall::Pause()) wall::GiveUp(wall::GivenUp::kWaits);
  errno = saved;
}

}  // namespace
}  // namespace heapprof

using heapprof::BeforeWait;
using heapprof::g_next;

extern "C" {

HEAPPROF_EXPORT pid_t waitpid(pid_t child, int* status, int options) {
  BeforeWait(child <= 0, options);
  return g_next.waitpid(child, status, options);
}

// libc's header says of these two that they throw nothing; but a thread may be cancelled in them, which
// unwinds their frames.
HEAPPROF_EXPORT pid_t hp_wait3(int* status, int options, struct rusage* usage) __asm__("wait3");
HEAPPROF_EXPORT pid_t hp_wait4(pid_t child, int* status, int options, struct rusage* usage) __asm__("wait4");

pid_t hp_wait3(int* status, int options, struct rusage* usage) {
  BeforeWait(true, options);
  return g_next.wait3(status, options, usage);
}

pid_t hp_wait4(pid_t child, int* status, int options, struct rusage* usage) {
  BeforeWait(child <= 0, options);
  return g_next.wait4(child, status, options, usage);
}

HEAPPROF_EXPORT int waitid(idtype_t kind, id_t id, siginfo_t* info, int options) {
  BeforeWait(kind == P_ALL || kind == P_PGID, options);
  return g_next.waitid(kind, id, info, options);
}

}  // extern "C"
