// SPDX-License-Identifier: Apache-2.0
#include "profiles/fatal_signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#include <atomic>

#include "base/signal/signal_front.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

// From outside, or by a limit. What is the program's own fault (SIGSEGV, SIGABRT, ...) leaves a heap that is
// not to be trusted, and a core.
constexpr int kSignals[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU};

enum class Progress : int { kNone, kWriting, kDone };
std::atomic<Progress> g_progress{Progress::kNone};
// The signal that is to end the process when the writing is done.
std::atomic<int> g_ends_by{0};
void (*g_write)();
void (*g_last)();
// The process that the handlers were installed in. A child of vfork has them too, and our memory.
std::atomic<int> g_pid{0};

// Only for the thread's own signals; another thread may be on the same way.
void EndBy(int signal) {
  if (g_last != nullptr) g_last();
  // The kernel's struct sigaction, all zero: the default action.
  constexpr uint64_t kDefault[4] = {};
  RawSyscall(SYS_rt_sigaction, signal, reinterpret_cast<long>(kDefault), 0, sizeof(uint64_t));
  uint64_t set = uint64_t{1} << (signal - 1);
  RawSyscall(SYS_tgkill, RawGetPid(), RawGetTid(), signal);
  RawSyscall(SYS_rt_sigprocmask, SIG_UNBLOCK, reinterpret_cast<long>(&set), 0, sizeof(set));
}

// False if it is done, or is being done by another thread.
bool Write(void (*write)()) {
  Progress none = Progress::kNone;
  // acquire, release: whoever finds it done finds the files.
  if (!g_progress.compare_exchange_strong(none, Progress::kWriting, std::memory_order_acq_rel)) return false;
  write();
  g_progress.store(Progress::kDone, std::memory_order_release);
  if (int signal = g_ends_by.load(std::memory_order_acquire)) EndBy(signal);
  return true;
}

void OnFatalSignal(int signal, siginfo_t*, void*) {
  int saved = errno;
  AdoptIfCopy();
  if (RawGetPid() == g_pid.load(std::memory_order_relaxed)) {
    int nobody = 0;
    g_ends_by.compare_exchange_strong(nobody, signal, std::memory_order_acq_rel);
    // Who is writing sees to it. If it was done before the signal was noted, this thread does.
    if (!Write(g_write) && g_progress.load(std::memory_order_acquire) == Progress::kWriting) {
      errno = saved;
      return;
    }
  }
  EndBy(signal);
  errno = saved;
}

}  // namespace

void InstallFatalSignals(void (*write_profiles)()) {
  // The kernel does not let a signal's default action end the first process of a PID namespace.
  if (RawGetPid() == 1) return;
  g_write = write_profiles;
  g_pid.store(RawGetPid(), std::memory_order_relaxed);
  for (int signal : kSignals) InstallFront(signal, FrontKind::kGivesWay, OnFatalSignal);
}

void CallBeforeFatalSignal(void (*last)()) {
  g_last = last;
  if (g_write == nullptr) InstallFatalSignals([] {});
}

void WriteAtExit(void (*write_profiles)()) {
  AdoptIfCopy();
  if (Write(write_profiles)) return;
  // Another thread is at it, and will end the process by its signal: exit must not overtake it.
  while (g_progress.load(std::memory_order_acquire) == Progress::kWriting) RawSyscall(SYS_sched_yield);
}

void FatalSignalsAfterForkInChild() {
  g_progress.store(Progress::kNone, std::memory_order_relaxed);
  g_ends_by.store(0, std::memory_order_relaxed);
  if (g_write != nullptr) g_pid.store(RawGetPid(), std::memory_order_relaxed);
}

}  // namespace heapprof
