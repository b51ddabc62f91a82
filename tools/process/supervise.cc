// SPDX-License-Identifier: Apache-2.0
#include "tools/process/supervise.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

// All that a process can be sent but what is its own fault, and what stops and continues a whole job.
sigset_t Forwarded() {
  sigset_t set;
  sigfillset(&set);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGTSTP, SIGTTIN,
                           SIGTTOU, SIGCONT, SIGKILL, SIGSTOP}) {
    sigdelset(&set, signal);
  }
  return set;
}

[[noreturn]] void Child(const std::function<void()>& become, pid_t parent, const sigset_t& mask) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kStatusUnusable);  // the command has just been killed
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  int status = kStatusUnusable;
  try {
    become();
  } catch (const Failure& failure) {
    Tell(failure.what());
    status = failure.status();
  }
  _exit(status);
}

// Reaps what has ended; true when `child` has. The first process of a PID namespace is the parent of all that
// lost theirs.
bool ReapUntil(pid_t child, int* child_status) {
  int status;
  for (pid_t done; (done = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (done != child) continue;
    *child_status = status;
    return true;
  }
  return false;
}

}  // namespace

Ended Supervise(const std::function<void()>& become) {
  const sigset_t forwarded = Forwarded();
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, &forwarded, &mask);
  // A child whose end nobody waits for would leave no status.
  struct sigaction wait_for = {};
  wait_for.sa_handler = SIG_DFL;
  struct sigaction had = {};
  sigaction(SIGCHLD, &wait_for, &had);
  std::fflush(nullptr);
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child == 0) {
    sigaction(SIGCHLD, &had, nullptr);
    Child(become, self, mask);
  }
  if (child < 0) throw Failure("cannot start a process: " + ErrorText(errno));
  Ended ended;
  ended.pid = child;
  while (!ReapUntil(child, &ended.wait_status)) {
    siginfo_t info;
    const int signal = sigwaitinfo(&forwarded, &info);
    // The terminal sends to the whole group.
    if (signal > 0 && signal != SIGCHLD && info.si_code != SI_KERNEL) kill(child, signal);
  }
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  return ended;
}

void EndLike(const Ended& ended) {
  std::fflush(nullptr);
  if (WIFEXITED(ended.wait_status)) _exit(WEXITSTATUS(ended.wait_status));
  const int signal = WTERMSIG(ended.wait_status);
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);  // the program has left its own
  struct sigaction by_default = {};
  by_default.sa_handler = SIG_DFL;
  sigaction(signal, &by_default, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  raise(signal);
  constexpr int kShell = 128;  // as shells say it
  _exit(kShell + signal);
}

}  // namespace heapprof::tools
