// SPDX-License-Identifier: Apache-2.0
// The calls by which a program sets what a signal does, as the program makes them.
//
// For signals whose handler is ours (base/signal/signal_front.h) they work on the program's view of them; for
// all others they are libc's. A program that takes SIGPROF, or the timer that a CPU profile has, ends that
// profile first.
//
// Thread-safety, signal-safety: as the functions wrapped, yes; a child of vfork may call them. Allocates: no.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <atomic>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/wrappers/next.h"
#include "base/signal/signal_front.h"
#include "base/system/raw_syscall.h"
#include "profiles/cpu_profile.h"
#include "sampling/cpu/cpu_sampler.h"

namespace heapprof {
namespace {

using Handler = void (*)(int);

std::atomic<uint64_t> g_interrupting{0};  // signals for which siginterrupt was asked, a bit each

uint64_t BitOf(int number) { return uint64_t{1} << (number - 1); }

bool IsSignal(int number) { return number > 0 && number < NSIG; }

int SetAction(int number, const struct sigaction* wanted, struct sigaction* old) {
  Initialize();
  if (wanted != nullptr && number == SIGPROF && IsHandler(*wanted)) {
    CpuProfileLosesItsSignal("the program installs a handler for SIGPROF");
  }
  if (!HasFront(number)) return g_next.sigaction(number, wanted, old);
  int error = SetProgramAction(number, wanted, old);
  if (error == 0) return 0;
  errno = -error;
  return -1;
}

// What signal() and its kin make of sigaction.
Handler SetHandler(int number, Handler handler, int flags, bool block_itself) {
  if (handler == SIG_ERR || !IsSignal(number)) {
    errno = EINVAL;
    return SIG_ERR;
  }
  struct sigaction action = {}, old = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  uint64_t mask = block_itself ? BitOf(number) : 0;
  memcpy(&action.sa_mask, &mask, sizeof(mask));
  return SetAction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

// A signal that a profile may yet take has to be asked about too.
bool IsLibcs(int number, bool has_next) {
  Initialize();
  return has_next && number != SIGPROF && !HasFront(number);
}

bool IsBlocked(int how, int number) {
  uint64_t bit = BitOf(number), old = 0;
  RawSyscall(SYS_rt_sigprocmask, how, reinterpret_cast<long>(&bit), reinterpret_cast<long>(&old),
             sizeof(old));
  return (old & bit) != 0;
}

}  // namespace
}  // namespace heapprof

using heapprof::g_next;

extern "C" {

HEAPPROF_EXPORT int sigaction(int number, const struct sigaction* action, struct sigaction* old) noexcept {
  return heapprof::SetAction(number, action, old);
}
HEAPPROF_EXPORT int __sigaction(int, const struct sigaction*, struct sigaction*) noexcept
    __attribute__((weak, alias("sigaction")));

HEAPPROF_EXPORT sighandler_t signal(int number, sighandler_t handler) noexcept {
  if (heapprof::IsLibcs(number, g_next.signal != nullptr)) return g_next.signal(number, handler);
  bool interrupts = heapprof::IsSignal(number) &&
                    (heapprof::g_interrupting.load(std::memory_order_relaxed) & heapprof::BitOf(number)) != 0;
  return heapprof::SetHandler(number, handler, interrupts ? 0 : SA_RESTART, true);
}
HEAPPROF_EXPORT sighandler_t bsd_signal(int, sighandler_t) noexcept __attribute__((weak, alias("signal")));
HEAPPROF_EXPORT sighandler_t ssignal(int, sighandler_t) noexcept __attribute__((weak, alias("signal")));

HEAPPROF_EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler) noexcept {
  if (heapprof::IsLibcs(number, g_next.sysv_signal != nullptr)) return g_next.sysv_signal(number, handler);
  return heapprof::SetHandler(number, handler, static_cast<int>(SA_RESETHAND) | SA_NODEFER, false);
}
HEAPPROF_EXPORT sighandler_t sysv_signal(int, sighandler_t) noexcept
    __attribute__((weak, alias("__sysv_signal")));

HEAPPROF_EXPORT sighandler_t sigset(int number, sighandler_t handler) noexcept {
  if (heapprof::IsLibcs(number, g_next.sigset != nullptr)) return g_next.sigset(number, handler);
  if (handler == SIG_ERR || !heapprof::IsSignal(number)) {
    errno = EINVAL;
    return SIG_ERR;
  }
  if (handler == SIG_HOLD) {
    bool held = heapprof::IsBlocked(SIG_BLOCK, number);
    struct sigaction now = {};
    if (heapprof::SetAction(number, nullptr, &now) != 0) return SIG_ERR;
    return held ? SIG_HOLD : now.sa_handler;
  }
  sighandler_t old = heapprof::SetHandler(number, handler, 0, false);
  if (old == SIG_ERR) return old;
  return heapprof::IsBlocked(SIG_UNBLOCK, number) ? SIG_HOLD : old;
}

HEAPPROF_EXPORT int sigignore(int number) noexcept {
  if (heapprof::IsLibcs(number, g_next.sigignore != nullptr)) return g_next.sigignore(number);
  return heapprof::SetHandler(number, SIG_IGN, 0, false) == SIG_ERR ? -1 : 0;
}

HEAPPROF_EXPORT int siginterrupt(int number, int interrupt) noexcept {
  if (heapprof::IsSignal(number)) {
    uint64_t bit = heapprof::BitOf(number);
    if (interrupt != 0) {
      heapprof::g_interrupting.fetch_or(bit, std::memory_order_relaxed);
    } else {
      heapprof::g_interrupting.fetch_and(~bit, std::memory_order_relaxed);
    }
  }
  if (heapprof::IsLibcs(number, g_next.siginterrupt != nullptr)) {
    return g_next.siginterrupt(number, interrupt);
  }
  struct sigaction action = {};
  if (heapprof::SetAction(number, nullptr, &action) != 0) return -1;
  action.sa_flags = interrupt != 0 ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
  return heapprof::SetAction(number, &action, nullptr);
}

HEAPPROF_EXPORT int setitimer(__itimer_which_t which, const itimerval* value, itimerval* old) noexcept {
  heapprof::Initialize();
  if (which == ITIMER_PROF && value != nullptr) {
    if (heapprof::cpu::UsesProcessTimer()) {
      heapprof::CpuProfileLosesItsSignal("the program sets ITIMER_PROF");
    }
    heapprof::cpu::ProgramSetsProcessTimer();
  }
  if (g_next.setitimer != nullptr) return g_next.setitimer(static_cast<int>(which), value, old);
  long result = heapprof::RawSyscall(SYS_setitimer, static_cast<long>(which), reinterpret_cast<long>(value),
                                     reinterpret_cast<long>(old));
  if (result == 0) return 0;
  errno = static_cast<int>(-result);
  return -1;
}

}  // extern "C"
