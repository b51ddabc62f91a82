// SPDX-License-Identifier: Apache-2.0
// A program that looks to `heapprof dump` as one under the library, and behaves as the test asks.
//
//   fake_host MODE LIBRARY BEFORE AFTER
// (or old_host, which publishes no record) maps the file LIBRARY, publishes a record of its handler as the
// library does, and on SIGUSR2 makes the file BEFORE<pid>AFTER, by rename. "ready" on standard output says
// that the signal may come. MODE: good, uncaught (SIGUSR2 has its default action), silent (makes no file),
// blocked (blocks the signal), ends (exits on the signal), title (writes over the environment that it was
// started with, as programs do that show another title), pieces (makes other files first, and this one in
// place, not by rename, before the rename), own (has taken the signal for itself since), ignored, sigwait,
// signalfd (waits for the signal itself), starting (the record says so), filtered (a seccomp filter that
// allows all), thread (a second thread, whose id is printed), main_ends (likewise, and the first one is
// gone). What is taken for itself says "woken"; a line on standard input is answered by "went on", or
// "interrupted" if the wait for it was.
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "profiles/dump_record.h"

extern char** environ;

namespace {

char g_name[4096], g_temporary[4200], g_other[4200];
bool g_pieces = false;

void Touch(const char* path) {
  const int fd = open(path, O_WRONLY | O_CREAT, 0600);
  if (fd < 0 || write(fd, "profile", 7) != 7) _exit(3);
  close(fd);
}

void WriteIt(int) {
  if (g_pieces) {
    Touch(g_temporary);
    rename(g_temporary, g_other);
  }
  Touch(g_temporary);
  rename(g_temporary, g_name);
}
void DoNothing(int) {}
void End(int) { _exit(0); }

void Print(const char* text) {
  printf("%s\n", text);
  fflush(stdout);
}
void Wake(int) {
  if (write(1, "woken\n", 6) != 6) _exit(3);
}

bool Is(const char* mode, const char* name) { return strcmp(mode, name) == 0; }

void Block(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

void TakeSignal(const char* mode) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  if (Is(mode, "own")) signal(SIGUSR2, Wake);
  if (Is(mode, "ignored")) signal(SIGUSR2, SIG_IGN);
  if (Is(mode, "blocked") || Is(mode, "sigwait")) Block(SIGUSR2);
  // Beside a thread that does not block it.
  if (Is(mode, "signalfd") && signalfd(-1, &set, 0) < 0) _exit(3);
  if (Is(mode, "filtered")) {
    sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    sock_fprog program = {1, &allow};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      _exit(3);
    }
  }
}

// `main_thread`: where it is to have ended first.
void* Wait(void* main_thread) {
  if (main_thread != nullptr) pthread_join(*static_cast<pthread_t*>(main_thread), nullptr);
  printf("thread %d.\n", gettid());
  Print("ready");
  for (;;) pause();
}

void AnswerLines() {
  char byte;
  for (;;) {
    const ssize_t got = read(0, &byte, 1);
    if (got == 1) Print("went on");
    if (got < 0) Print(errno == EINTR ? "interrupted" : "failed");
    if (got == 0) pause();
  }
}

// Moves the environment to the heap and clears the place where it was.
void WriteOverEnvironment() {
  int count = 0;
  while (environ[count] != nullptr) ++count;
  char** copy = static_cast<char**>(calloc(static_cast<size_t>(count) + 1, sizeof(char*)));
  for (int i = 0; i < count; ++i) copy[i] = strdup(environ[i]);
  for (int i = 0; i < count; ++i) memset(environ[i], 0, strlen(environ[i]));
  environ = copy;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const char* mode = argv[1];
  const int library = open(argv[2], O_RDONLY);
  if (library >= 0 && mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, library, 0) == MAP_FAILED) return 2;
  snprintf(g_name, sizeof g_name, "%s%d%s", argv[3], static_cast<int>(getpid()), argv[4]);
  snprintf(g_temporary, sizeof g_temporary, "%s.tmp", g_name);
  snprintf(g_other, sizeof g_other, "%s.other", g_name);
  g_pieces = strcmp(mode, "pieces") == 0;

  struct sigaction action = {};
  action.sa_handler = Is(mode, "silent") ? DoNothing : Is(mode, "ends") ? End : WriteIt;
  action.sa_flags = SA_RESTART;
  if (!Is(mode, "uncaught")) sigaction(SIGUSR2, &action, nullptr);
  const char* options = getenv("HEAPPROF_OPTIONS");
  const bool none = options != nullptr && strstr(options, "dump_signal=0") != nullptr;
  // No text of the pattern: the environment has it.
#ifdef HEAPPROF_WITH_RECORD
  heapprof::PublishDumpSignal(Is(mode, "starting") ? -1
                              : none               ? 0
                                                   : SIGUSR2,
                              reinterpret_cast<uintptr_t>(action.sa_handler), nullptr);
#else
  (void)none;
#endif
  TakeSignal(mode);
  if (Is(mode, "title")) WriteOverEnvironment();
  if (Is(mode, "thread") || Is(mode, "main_ends")) {
    static pthread_t main_thread = pthread_self();
    pthread_t thread;
    if (pthread_create(&thread, nullptr, Wait, Is(mode, "main_ends") ? &main_thread : nullptr) != 0) return 3;
    if (Is(mode, "main_ends")) pthread_exit(nullptr);
    for (;;) pause();
  }
  Print("ready");
  if (Is(mode, "sigwait")) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    int got;
    for (;;) {
      if (sigwait(&set, &got) == 0) Wake(got);
    }
  }
  AnswerLines();
}
