// SPDX-License-Identifier: Apache-2.0
// A program that is served, and does to the server what programs do: first word what, then it says "ready"
// and goes on until its standard input ends.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/support/bare_call.h"
#include "tests/system/programs/program.h"

namespace {

std::vector<void*> g_blocks;

// 100 blocks of 1000 bytes.
__attribute__((noinline)) void AllocateKnown() {
  for (int i = 0; i < 100; ++i) g_blocks.push_back(malloc(1000));
}

volatile bool g_stop;
volatile unsigned g_sum;
__attribute__((noinline)) void Burn() {
  for (int i = 0; i < 100000; ++i) g_sum = g_sum + static_cast<unsigned>(i);
}

void Ready() {
  puts("ready");
  fflush(stdout);
}

void WaitForEnd() {
  char byte;
  while (read(0, &byte, 1) > 0) {
  }
}

pthread_barrier_t g_begun;

// Works until it is told to stop.
void* Worker(void*) {
  pthread_setname_np(pthread_self(), "worker");
  pthread_barrier_wait(&g_begun);
  while (!g_stop) {
    Burn();
    free(malloc(100));
  }
  return nullptr;
}

int Work() {
  AllocateKnown();
  pthread_t thread;
  CHECK(pthread_barrier_init(&g_begun, nullptr, 2) == 0);
  CHECK(pthread_create(&thread, nullptr, Worker, nullptr) == 0);
  pthread_barrier_wait(&g_begun);
  Ready();
  WaitForEnd();
  g_stop = true;
  pthread_join(thread, nullptr);
  return 0;
}

// One line for each byte that comes: allocates on demand, so that the test knows when.
int Steps() {
  AllocateKnown();
  Ready();
  char byte;
  while (read(0, &byte, 1) > 0) {
    AllocateKnown();
    puts("step");
    fflush(stdout);
  }
  return 0;
}

// What daemons do; then their descriptors get the numbers of those that were closed.
int ClosesAll() {
  closefrom(3);
  for (int i = 0; i < 50; ++i) CHECK(open("/dev/null", O_RDWR) >= 0);
  AllocateKnown();
  Ready();
  WaitForEnd();
  for (int fd = 3; fd < 53; ++fd) CHECK(fcntl(fd, F_GETFD) >= 0);
  return 0;
}

// Workers of a server, which go on after their parent forked them.
int Forks() {
  AllocateKnown();
  int ends[2];
  CHECK(pipe(ends) == 0);
  pid_t children[3];
  for (pid_t& child : children) {
    child = fork();
    if (child == 0) {
      close(ends[1]);
      char byte;
      CHECK(read(ends[0], &byte, 1) == 0);
      free(malloc(10));
      _exit(0);
    }
  }
  Ready();
  WaitForEnd();
  close(ends[1]);
  for (pid_t child : children) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  return 0;
}

// Root gives up what it is.
int GivesUpRoot() {
  constexpr gid_t kNobody = 65534;
  const gid_t groups[] = {kNobody};
  CHECK(setgroups(1, groups) == 0);
  CHECK(setresgid(kNobody, kNobody, kNobody) == 0);
  CHECK(setresuid(kNobody, kNobody, kNobody) == 0);
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  AllocateKnown();
  Ready();
  WaitForEnd();
  return 0;
}

// Many changes, each of which ends the server's thread for its time, whether it is allowed or not.
int ChangesOften() {
  AllocateKnown();
  Ready();
  char byte;
  CHECK(read(0, &byte, 1) == 1);
  const gid_t group = getgid();
  for (int i = 0; i < 300; ++i) {
    const bool done = setgroups(1, &group) == 0;
    CHECK(done || errno == EPERM);
  }
  puts("changed");
  fflush(stdout);
  WaitForEnd();
  return 0;
}

// The same with no descriptor left, by which the server's thread could be told.
int GivesUpRootWithFullTable() {
  constexpr uid_t kNobody = 65534;
  AllocateKnown();
  const rlimit limit = {64, 64};
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  while (open("/dev/null", O_RDWR | O_CLOEXEC) >= 0) {
  }
  CHECK(setresuid(kNobody, kNobody, kNobody) == 0);
  Ready();
  WaitForEnd();
  return 0;
}

void* LeavesNetwork(void*) {
  CHECK(unshare(CLONE_NEWNET) == 0);
  return nullptr;
}

// The server's thread is then in a network where the first thread of the program is not.
int GivesUpRootFromAnotherNetwork() {
  constexpr uid_t kNobody = 65534;
  AllocateKnown();
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, LeavesNetwork, nullptr) == 0);
  CHECK(pthread_join(thread, nullptr) == 0);
  CHECK(setresuid(kNobody, kNobody, kNobody) == 0);
  Ready();
  WaitForEnd();
  return 0;
}

// The same by a call that nobody sees, and whose thread is this one alone.
int GivesUpRootPastLibc() {
  AllocateKnown();
  Ready();
  char byte;
  CHECK(read(0, &byte, 1) == 1);
  CHECK(heapprof::test::BareCall(SYS_setuid, 65534) == 0);
  puts("changed");
  fflush(stdout);
  WaitForEnd();
  return 0;
}

// Refused to a process of two threads.
int Unshares() {
  CHECK(unshare(CLONE_NEWUSER) == 0);
  CHECK(syscall(SYS_unshare, CLONE_NEWNS) == 0);
  AllocateKnown();
  Ready();
  WaitForEnd();
  return 0;
}

int Chroots(const char* folder) {
  CHECK(chroot(folder) == 0 && chdir("/") == 0);
  AllocateKnown();
  Ready();
  WaitForEnd();
  return 0;
}

// A filter that lets everything through: who installs one may kill for anything.
int Confines() {
  sock_filter all = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  const sock_fprog program = {1, &all};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
  Ready();
  WaitForEnd();
  return 0;
}

// The process ends with its last thread, which is not the first.
void* Last(void*) {
  Ready();
  WaitForEnd();
  puts("OK");
  fflush(stdout);
  return nullptr;
}

[[noreturn]] void MainEnds() {
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, Last, nullptr) == 0);
  CHECK(pthread_detach(thread) == 0);
  pthread_exit(nullptr);
}

// A child shares the memory, and changes its own rights.
int Vforks() {
  AllocateKnown();
  const pid_t child = vfork();
  if (child == 0) {
    const bool done = setgid(getgid()) == 0;
    _exit(done ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  Ready();
  WaitForEnd();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "work";
  int status = 99;
  if (what == "work") status = Work();
  if (what == "steps") status = Steps();
  if (what == "closes") status = ClosesAll();
  if (what == "forks") status = Forks();
  if (what == "root") status = GivesUpRoot();
  if (what == "full") status = GivesUpRootWithFullTable();
  if (what == "network") status = GivesUpRootFromAnotherNetwork();
  if (what == "past_libc") status = GivesUpRootPastLibc();
  if (what == "changes") status = ChangesOften();
  if (what == "unshares") status = Unshares();
  if (what == "chroots") status = Chroots(argv[2]);
  if (what == "main_ends") MainEnds();
  if (what == "vforks") status = Vforks();
  if (what == "confines") status = Confines();
  if (what == "execs") {
    execl("/proc/self/exe", argv[0], "work", nullptr);
    return 99;
  }
  if (status == 0) puts("OK");
  return status;
}
