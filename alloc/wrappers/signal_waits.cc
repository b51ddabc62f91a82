// SPDX-License-Identifier: Apache-2.0
// The calls by which a program takes signals without a handler, as the program makes them.
//
// Who takes SIGPROF so uses it, as who installs a handler for it does: a CPU profile that runs ends first,
// and ticks that are pending are taken back. Part of the shared library only: in a program linked
// with -static libc's own, which are points of cancellation, cannot be found behind ours.
//
// Thread-safety, signal-safety: as the functions wrapped. Allocates: no.
#include <signal.h>
#include <sys/signalfd.h>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/wrappers/next.h"
#include "profiles/cpu_profile.h"
#include "sampling/cpu/cpu_sampler.h"

namespace heapprof {
namespace {

void ProgramTakes(const sigset_t* set) {
  Initialize();
  if (set == nullptr || sigismember(set, SIGPROF) != 1) return;
  CpuProfileLosesItsSignal("the program waits for SIGPROF");
  cpu::TakeBackPendingTicks();
}

}  // namespace
}  // namespace heapprof

using heapprof::g_next;
using heapprof::ProgramTakes;

extern "C" {

HEAPPROF_EXPORT int sigwait(const sigset_t* set, int* number) {
  ProgramTakes(set);
  return g_next.sigwait(set, number);
}

HEAPPROF_EXPORT int sigwaitinfo(const sigset_t* set, siginfo_t* info) {
  ProgramTakes(set);
  return g_next.sigwaitinfo(set, info);
}

HEAPPROF_EXPORT int sigtimedwait(const sigset_t* set, siginfo_t* info, const timespec* timeout) {
  ProgramTakes(set);
  return g_next.sigtimedwait(set, info, timeout);
}

HEAPPROF_EXPORT int signalfd(int fd, const sigset_t* set, int flags) noexcept {
  ProgramTakes(set);
  return g_next.signalfd(fd, set, flags);
}

}  // extern "C"
