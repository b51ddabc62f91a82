// SPDX-License-Identifier: Apache-2.0
// Ends by a signal's default action, in the ways that programs do.   fatal_ends WAY SIGNAL
//
//   default    the signal as it is          thread    in a thread, while others allocate
//   restored   its own handler puts the default back and raises the signal again, as shells and CPython do
//   once      its own handler is for one time (SA_RESETHAND), and raises the signal again, as node does
//   crowd      many threads send it at once
//   child      a child of fork ends so, and the program well
//   vfork      likewise a child of vfork
//   own        its own handler runs, and it ends well       ignored   it is ignored, likewise
//   seen       what sigaction and signal tell of it         reset     signal in strict ISO C
#include <sys/wait.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/system/programs/program.h"

extern "C" sighandler_t __sysv_signal(int number, sighandler_t handler);

namespace {

volatile sig_atomic_t g_seen = 0;
void Count(int) { g_seen = g_seen + 1; }
void PutBack(int number) {
  signal(number, SIG_DFL);
  raise(number);
}

void OnlyOnce(int number, siginfo_t* info, void*) {
  struct sigaction now {};
  CHECK(g_seen == 0 && sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_DFL);
  CHECK((now.sa_flags & SA_SIGINFO) != 0 && info->si_signo == number && info->si_pid == getpid());
  g_seen = 1;
  raise(number);  // blocked until the handler returns
}

[[noreturn]] void Die(int number) {
  kill(getpid(), number);
  for (;;) pause();
}

void* Churn(void*) {
  for (;;) free(malloc(1000));
}

void* SendForEver(void* number) {
  for (;;) kill(getpid(), *static_cast<int*>(number));
}

sighandler_t HandlerOf(int number) {
  struct sigaction action {};
  CHECK(sigaction(number, nullptr, &action) == 0);
  return action.sa_handler;
}

void LookAt(int number) {
  struct sigaction first {};
  CHECK(sigaction(number, nullptr, &first) == 0 && first.sa_flags == 0 &&
        sigismember(&first.sa_mask, SIGHUP) == 0);
  CHECK(HandlerOf(number) == SIG_DFL);
  CHECK(signal(number, SIG_IGN) == SIG_DFL);
  CHECK(HandlerOf(number) == SIG_IGN);
  CHECK(signal(number, Count) == SIG_IGN);
  struct sigaction old {};
  struct sigaction by_default {};
  CHECK(sigaction(number, &by_default, &old) == 0 && old.sa_handler == Count);
  CHECK((old.sa_flags & SA_RESTART) != 0 && sigismember(&old.sa_mask, number) == 1);
  CHECK(sigaction(number, &old, &by_default) == 0 && by_default.sa_handler == SIG_DFL);
  CHECK(signal(number, SIG_DFL) == Count);
  CHECK(HandlerOf(number) == SIG_DFL);
  errno = 0;
  CHECK(signal(0, Count) == SIG_ERR && errno == EINVAL);
  CHECK(sigaction(SIGKILL, &old, nullptr) == -1 && errno == EINVAL);
  CHECK(sigaction(65, nullptr, &old) == -1 && errno == EINVAL);
}

void AwaitEndBy(pid_t child, int number) {
  int status = 0;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == number);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  const std::string way = argv[1];
  int number = atoi(argv[2]);
  void* volatile kept = malloc(100000);
  pthread_t thread;
  if (way == "default") Die(number);
  if (way == "restored") {
    CHECK(signal(number, PutBack) == SIG_DFL);
    Die(number);
  }
  if (way == "once") {
    struct sigaction once {};
    once.sa_sigaction = OnlyOnce;
    once.sa_flags = SA_SIGINFO | static_cast<int>(SA_RESETHAND);
    struct sigaction told {};
    CHECK(sigaction(number, &once, nullptr) == 0 && sigaction(number, nullptr, &told) == 0);
    CHECK(told.sa_sigaction == OnlyOnce && (told.sa_flags & once.sa_flags) == once.sa_flags);
    const pid_t child = vfork();  // one time in a child is not the program's
    if (child == 0) {
      struct sigaction seen {};
      const bool same = sigaction(number, nullptr, &seen) == 0 && seen.sa_sigaction == OnlyOnce;
      _exit(same ? 0 : 1);
    }
    int status = 1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    Die(number);
  }
  if (way == "thread" || way == "crowd") {
    for (int i = 0; i < 4; ++i) {
      CHECK(pthread_create(&thread, nullptr, way == "crowd" ? SendForEver : Churn, &number) == 0);
    }
    if (way == "thread") pthread_kill(thread, number);
    for (;;) pause();
  }
  if (way == "child") {
    pid_t child = fork();
    if (child == 0) Die(number);
    AwaitEndBy(child, number);
  }
  if (way == "vfork") {
    pid_t child = vfork();
    if (child == 0) {
      kill(getpid(), number);
      _exit(1);
    }
    AwaitEndBy(child, number);
  }
  if (way == "own" || way == "ignored") {
    CHECK(signal(number, way == "own" ? Count : SIG_IGN) == SIG_DFL);
    raise(number);
    raise(number);
    CHECK(g_seen == (way == "own" ? 2 : 0));
  }
  if (way == "seen") LookAt(number);
  if (way == "reset") {
    CHECK(__sysv_signal(number, Count) == SIG_DFL);
    raise(number);
    CHECK(g_seen == 1 && HandlerOf(number) == SIG_DFL);  // once only
    CHECK(__sysv_signal(number, SIG_DFL) == SIG_DFL);
  }
  free(kept);
  Finish();
}
