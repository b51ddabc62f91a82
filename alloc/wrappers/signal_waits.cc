// SPDX-License-Identifier: Apache-2.0
// The calls by which a program takes signals without a handler, as the program makes them.
//
// Who waits for SIGPROF alone uses it, as who installs a handler for it does: a CPU profile that runs ends
// first, and ticks that are pending are taken back. The same holds for signalfd. A thread that waits for all
// signals, as many servers have one, goes on waiting when a tick comes. Part of the shared library only: in a
// program linked with -static libc's own, which are points of cancellation, cannot be found behind ours.
//
// Thread-safety, signal-safety: as the functions wrapped. Allocates: no.
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/wrappers/next.h"
#include "base/signal/signal_front.h"
#include "base/system/raw_syscall.h"
#include "profiles/cpu_profile.h"
#include "sampling/cpu/cpu_sampler.h"

namespace heapprof {
namespace {

bool HasSigprof(const sigset_t* set) { return set != nullptr && sigismember(set, SIGPROF) == 1; }

bool HasOthers(const sigset_t* set) {
  for (int number = 1; number < NSIG; ++number) {
    if (number != SIGPROF && sigismember(set, number) == 1) return true;
  }
  return false;
}

void ProgramTakes(const sigset_t* set) {
  if (!HasSigprof(set)) return;
  CpuProfileLosesItsSignal("the program waits for SIGPROF");
  cpu::TakeBackPendingTicks();
}

// Whether a wait for `set` may be given ticks, which are passed over. False: none come, or none come any
// more.
bool MayBeGivenTicks(const sigset_t* set) {
  Initialize();
  if (!HasFront(SIGPROF) || !HasSigprof(set)) return false;
  if (HasOthers(set)) return true;
  ProgramTakes(set);
  return false;
}

bool IsTick(int number, const siginfo_t& info) { return number == SIGPROF && cpu::IsTick(info); }

constexpr int64_t kSecond = 1'000'000'000;

}  // namespace
}  // namespace heapprof

using heapprof::g_next;

extern "C" {

HEAPPROF_EXPORT int sigwait(const sigset_t* set, int* number) {
  if (!heapprof::MayBeGivenTicks(set)) return g_next.sigwait(set, number);
  const int saved = errno;
  siginfo_t info;
  int got;
  do {
    got = g_next.sigwaitinfo(set, &info);
  } while (got < 0 ? errno == EINTR : heapprof::IsTick(got, info));
  const int error = got < 0 ? errno : 0;
  errno = saved;
  if (error == 0) *number = got;
  return error;
}

HEAPPROF_EXPORT int sigwaitinfo(const sigset_t* set, siginfo_t* info) {
  if (!heapprof::MayBeGivenTicks(set)) return g_next.sigwaitinfo(set, info);
  siginfo_t taken;
  int got;
  do {
    got = g_next.sigwaitinfo(set, &taken);
  } while (heapprof::IsTick(got, taken));
  if (got >= 0 && info != nullptr) *info = taken;
  return got;
}

HEAPPROF_EXPORT int sigtimedwait(const sigset_t* set, siginfo_t* info, const timespec* timeout) {
  if (!heapprof::MayBeGivenTicks(set)) return g_next.sigtimedwait(set, info, timeout);
  const int64_t start = heapprof::RawMonotonicNanos();
  timespec rest = timeout != nullptr ? *timeout : timespec{};
  siginfo_t taken;
  int got;
  while (
      heapprof::IsTick(got = g_next.sigtimedwait(set, &taken, timeout != nullptr ? &rest : nullptr), taken)) {
    if (timeout == nullptr) continue;
    const int64_t past = heapprof::RawMonotonicNanos() - start;
    rest.tv_sec = timeout->tv_sec - past / heapprof::kSecond;
    rest.tv_nsec = timeout->tv_nsec - past % heapprof::kSecond;
    if (rest.tv_nsec < 0) {
      rest.tv_nsec += heapprof::kSecond;
      --rest.tv_sec;
    }
    if (rest.tv_sec < 0) rest = {0, 0};  // what else is pending is taken all the same
  }
  if (got >= 0 && info != nullptr) *info = taken;
  return got;
}

HEAPPROF_EXPORT int signalfd(int fd, const sigset_t* set, int flags) noexcept {
  heapprof::Initialize();
  heapprof::ProgramTakes(set);
  return g_next.signalfd(fd, set, flags);
}

}  // extern "C"
