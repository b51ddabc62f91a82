// SPDX-License-Identifier: Apache-2.0
// What a program does with SIGPROF and SIGUSR2 while a CPU profile runs and dumps are by signal.
//   taken HOW     takes SIGPROF between Before and After, in the way HOW; its handler counts signals
//   reset HOW     sets SIGPROF to the default, or to be ignored, between Before and After
//   call HOW      as taken, with a profile of heapprof_start_cpu_profile
//   waited HOW    blocks SIGPROF, and takes it by a call that waits, HOW
//   served HOW    a thread waits for all signals, HOW, after it had ticks pending
//   past          takes it by a raw system call
//   killed        sends SIGPROF to itself, by default
//   seen          2000 calls that set and ask what three signals do; prints what each saw
//   usr2          takes SIGUSR2, and gives it back
//   children      children of vfork and fork set their own
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <string>

#include "tests/system/cpu/load.h"

extern "C" {
sighandler_t sigset(int, sighandler_t) noexcept;
int sigignore(int) noexcept;
sighandler_t __sysv_signal(int, sighandler_t) noexcept;
}

namespace {

volatile sig_atomic_t g_seen = 0;
void Count(int) { g_seen = g_seen + 1; }
void Other(int) {}

NOINLINE void Before() { BurnFor(100'000'000); }
NOINLINE void After() { BurnFor(100'000'000); }

struct sigaction ActionOf(sighandler_t handler, int flags = 0) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  return action;
}

void Set(const std::string& how, int number, sighandler_t handler) {
  const struct sigaction action = ActionOf(handler, SA_NODEFER);
  if (how == "sigaction") CHECK(sigaction(number, &action, nullptr) == 0);
  if (how == "signal") CHECK(signal(number, handler) != SIG_ERR);
  if (how == "sigset") CHECK(sigset(number, handler) != SIG_ERR);
  if (how == "sysv_signal") CHECK(__sysv_signal(number, handler) != SIG_ERR);
  if (how == "all") {
    for (int i = 1; i < NSIG; ++i) signal(i, handler);
  }
}

// The handler sees what was sent to it, once for each way that keeps it installed.
void Take(const std::string& how) {
  Before();
  Set(how, SIGPROF, Count);
  After();
  CHECK(g_seen == 0);
  CHECK(raise(SIGPROF) == 0);
  CHECK(g_seen == 1);
  struct sigaction now;
  CHECK(sigaction(SIGPROF, nullptr, &now) == 0);
  CHECK(now.sa_handler == (how == "sysv_signal" ? SIG_DFL : Count));
  itimerval timer = {{0, 0}, {0, 1000}}, left;
  if (how != "sysv_signal") {
    CHECK(setitimer(ITIMER_PROF, &timer, nullptr) == 0);
    BurnFor(50'000'000);
    CHECK(g_seen == 2);
    CHECK(getitimer(ITIMER_PROF, &left) == 0 && left.it_value.tv_usec == 0);
  }
}

void Reset(const std::string& how) {
  Before();
  Set(how, SIGPROF, how == "sigset" ? SIG_IGN : SIG_DFL);
  After();
}

// While a tick is pending for the thread and a signal of the program's own for the process.
// What a server's thread for signals does: it takes one that is meant for it, and nothing else.
void* Serve(void* how) {
  const std::string& call = *static_cast<std::string*>(how);
  sigset_t all;
  CHECK(sigfillset(&all) == 0 && pthread_sigmask(SIG_SETMASK, &all, nullptr) == 0);
  BurnFor(50'000'000);
  int number = 0;
  siginfo_t info = {};
  errno = 0;
  if (call == "sigwait") CHECK(sigwait(&all, &number) == 0);
  if (call == "sigwaitinfo") number = sigwaitinfo(&all, &info);
  if (call == "sigtimedwait") {
    const timespec kShort = {0, 1'000'000}, kLong = {1'000, 0};
    CHECK(sigtimedwait(&all, &info, &kShort) == -1 && errno == EAGAIN);
    CHECK(sigtimedwait(&all, &info, &kLong) == SIGHUP && info.si_code == SI_USER);
    number = sigtimedwait(&all, nullptr, nullptr);
  }
  CHECK(number == SIGUSR1);
  return nullptr;
}

void BesideAServer(std::string how) {
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, Serve, &how) == 0);
  After();
  if (how == "sigtimedwait") {
    CHECK(pthread_kill(thread, SIGHUP) == 0);
  }
  CHECK(pthread_kill(thread, SIGUSR1) == 0 && pthread_join(thread, nullptr) == 0);
}

void Wait(const std::string& how) {
  Before();
  sigset_t set;
  CHECK(sigemptyset(&set) == 0 && sigaddset(&set, SIGPROF) == 0);
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  BurnFor(50'000'000);
  CHECK(kill(getpid(), SIGPROF) == 0);
  siginfo_t info = {};
  info.si_code = SI_USER;
  const timespec kNoTime = {0, 0};
  if (how == "sigwait") {
    int number = 0;
    CHECK(sigwait(&set, &number) == 0 && number == SIGPROF);
  }
  if (how == "sigwaitinfo") CHECK(sigwaitinfo(&set, &info) == SIGPROF);
  if (how == "sigtimedwait") CHECK(sigtimedwait(&set, &info, &kNoTime) == SIGPROF);
  if (how == "signalfd") {
    const int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    signalfd_siginfo read_info = {};
    CHECK(fd >= 0 && read(fd, &read_info, sizeof(read_info)) == sizeof(read_info));
    info.si_code = read_info.ssi_code;
    CHECK(close(fd) == 0);
  }
  CHECK(info.si_code == SI_USER);
  After();
  // Past our wrappers: nothing else came, nor does it later.
  CHECK(syscall(SYS_rt_sigtimedwait, &set, nullptr, &kNoTime, sizeof(uint64_t)) == -1 && errno == EAGAIN);
}

void ByCall(const std::string& how) {
  const int fd = OpenNew("call.cpu.pb.gz");
  CHECK(heapprof_start_cpu_profile(fd, 1000) == 0);
  Take(how);
  CHECK(heapprof_start_cpu_profile(fd, 1000) == -EBUSY);
  CHECK(heapprof_stop_cpu_profile() == 0);
  if (how != "sysv_signal") CHECK(heapprof_start_cpu_profile(fd, 1000) == -EEXIST);
  CHECK(signal(SIGPROF, SIG_DFL) != SIG_ERR);
  const int again = OpenNew("again.cpu.pb.gz");
  CHECK(heapprof_start_cpu_profile(again, 1000) == 0);
  After();
  CHECK(heapprof_stop_cpu_profile() == 0);
}

void PastLibc() {
  Before();
  struct {
    sighandler_t handler;
    unsigned long flags, restorer, mask;
  } ignore = {SIG_IGN, 0, 0, 0};
  CHECK(syscall(SYS_rt_sigaction, SIGPROF, &ignore, nullptr, sizeof(ignore.mask)) == 0);
  After();
}

void Seen() {
  constexpr int kSignals[] = {SIGUSR2, SIGPROF, SIGUSR1};
  const sighandler_t kHandlers[] = {SIG_DFL, SIG_IGN, Count, Other};
  const auto name = [&](sighandler_t handler) {
    if (handler == SIG_ERR) return -1;
    if (handler == SIG_HOLD) return 9;
    for (int i = 0; i < 4; ++i) {
      if (handler == kHandlers[i]) return i;
    }
    return 8;
  };
  uint32_t random = 12345;
  const auto draw = [&random](uint32_t below) {
    random = random * 1664525 + 1013904223;
    return (random >> 16) % below;
  };
  for (int call = 0; call < 2000; ++call) {
    const int number = kSignals[draw(3)];
    const sighandler_t handler = kHandlers[draw(4)];
    const uint32_t way = draw(8);
    int old = -2;
    if (way == 0) old = name(signal(number, handler));
    if (way == 1) old = name(__sysv_signal(number, handler));
    if (way == 2) old = name(sigset(number, draw(4) == 0 ? SIG_HOLD : handler));
    if (way == 3) old = sigignore(number);
    if (way == 4) old = siginterrupt(number, draw(2) == 0);
    if (way >= 5) {
      struct sigaction action = ActionOf(handler, draw(2) == 0 ? SA_RESTART : SA_NODEFER), was = {};
      for (const int masked : {SIGHUP, SIGKILL, SIGSTOP}) sigaddset(&action.sa_mask, masked);
      CHECK(sigaction(number, &action, draw(2) == 0 ? &was : nullptr) == 0);
      old = name(was.sa_handler);
    }
    struct sigaction now = {};
    CHECK(sigaction(number, nullptr, &now) == 0);
    const int flags = now.sa_flags & static_cast<int>(SA_RESTART | SA_NODEFER | SA_RESETHAND | SA_ONSTACK);
    printf("%d %u %d: %d, now %d %x ", number, way, name(handler), old, name(now.sa_handler),
           static_cast<unsigned>(flags));
    for (const int masked : {SIGHUP, SIGKILL, SIGSTOP, number}) {
      printf("%d", sigismember(&now.sa_mask, masked));
    }
    puts("");
    BurnFor(20'000);
  }
  for (const int bad : {0, -1, 65, 32, SIGKILL}) {
    errno = 0;
    const bool refused = signal(bad, Count) == SIG_ERR;
    printf("bad %d: %d %d\n", bad, refused, errno);
  }
}

void TakeUsr2() {
  CHECK(raise(SIGUSR2) == 0);  // a dump
  struct sigaction was;
  const struct sigaction action = ActionOf(Count);
  CHECK(sigaction(SIGUSR2, &action, &was) == 0);
  CHECK(was.sa_handler == SIG_DFL);
  CHECK(raise(SIGUSR2) == 0 && g_seen == 1);
  CHECK(sigaction(SIGUSR2, &was, nullptr) == 0);
  CHECK(raise(SIGUSR2) == 0 && g_seen == 1);  // a dump
  CHECK(signal(SIGUSR2, SIG_IGN) == SIG_DFL);
  CHECK(raise(SIGUSR2) == 0);
  CHECK(signal(SIGUSR2, Count) == SIG_IGN);
  CHECK(raise(SIGUSR2) == 0 && g_seen == 2);
  CHECK(signal(SIGUSR2, SIG_DFL) == Count);
  CHECK(raise(SIGUSR2) == 0);  // a dump
}

void Children() {
  Before();
  for (int i = 0; i < 20; ++i) {
    const pid_t child = i % 2 == 0 ? vfork() : fork();
    if (child == 0) {
      const bool was = signal(SIGPROF, Count) == SIG_DFL && signal(SIGUSR2, Count) == SIG_DFL;
      const itimerval none = {};
      if (setitimer(ITIMER_PROF, &none, nullptr) != 0) _exit(2);
      _exit(was ? 0 : 1);
    }
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  CHECK(raise(SIGUSR2) == 0);  // a dump
  struct sigaction now;
  CHECK(sigaction(SIGPROF, nullptr, &now) == 0 && now.sa_handler == SIG_DFL);
  After();
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc >= 2);
  const std::string mode = argv[1], how = argc > 2 ? argv[2] : "";
  if (mode == "taken") Take(how);
  if (mode == "waited") Wait(how);
  if (mode == "served") BesideAServer(how);
  if (mode == "reset") Reset(how);
  if (mode == "call") ByCall(how);
  if (mode == "past") PastLibc();
  if (mode == "killed") raise(SIGPROF);
  if (mode == "seen") Seen();
  if (mode == "usr2") TakeUsr2();
  if (mode == "children") Children();
  Finish();
}
