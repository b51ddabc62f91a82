// SPDX-License-Identifier: Apache-2.0
// What a program sees of the process that watches its threads, and what it does that the watcher must
// survive.
//   alone      it has one thread and no child, and may unshare what only such a process may
//   dropped    gives up root: no process is left that has its rights
//   churn N    N threads that live for less than a tick, and one that goes on
//   forks      children of fork end, and have no profile
//   exec       becomes another program, after it has tried one that is not there
//   api        the errors of the interface
//   both       a CPU profile at the same time
//   confined   gives up system calls by seccomp
//   untraced   is not dumpable, so that only it itself may look into it
//   sandboxed  a filter forbids ptrace
//   unload     waits in libraries that it unloads
//   checks     looks for leaks meanwhile
//   unwatched  is killed: the watcher ends
//   stopped    computes, and is stopped by its child for a while
//   halted_in_call  sleeps, and is stopped by its child for a while
//   all_waits  waits for children of all kinds until there are none, as a tracer does
#include <dirent.h>
#include <dlfcn.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/wall/wall.h"

extern "C" {
extern __typeof__(heapprof_do_recoverable_leak_check) heapprof_do_recoverable_leak_check
    __attribute__((weak));
}

namespace {

int Threads() {
  struct stat status;
  CHECK(stat("/proc/self/task", &status) == 0);
  return static_cast<int>(status.st_nlink) - 2;
}

int Unshare(int flags) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    StartWall("child.wall.pb.gz", 1000);
    Work(20'000'000);
    const int error = unshare(flags) == 0 ? 0 : errno;
    Work(20'000'000);
    StopWall();
    _exit(error);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  return WEXITSTATUS(status);
}

void Alone() {
  StartWall("alone.wall.pb.gz", 1000);
  Work(50'000'000);
  CHECK(Threads() == 1);
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD);
  // A descriptor that the watcher had open would keep the end from the reader.
  int ends[2];
  char byte;
  CHECK(pipe(ends) == 0 && close(ends[1]) == 0 && read(ends[0], &byte, 1) == 0);
  // EINVAL is what a process of several threads gets; a sandbox may refuse in other ways.
  for (const int flags : {CLONE_NEWUSER, CLONE_NEWNS | CLONE_FS, CLONE_VM | CLONE_SIGHAND, CLONE_NEWPID}) {
    CHECK(Unshare(flags) != EINVAL);
  }
  StopWall();
  CHECK(ForEachChild([](const int*) {}) == 0);
}

void Dropped() {
  constexpr int kNobody = 65534;
  StartWall("dropped.wall.pb.gz", 1000);
  Work(30'000'000);
  CHECK(setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0);
  CHECK(setresuid(kNobody, kNobody, kNobody) == 0);
  ForEachChild([](const int* ids) {
    for (int i = 0; i < 4; ++i) CHECK(ids[i] == kNobody);
  });
  Work(30'000'000);
  StopWall();
}

void Churn(int threads) {
  StartWall("churn.wall.pb.gz", 1000);
  std::thread other([] { Work(100'000'000); });
  for (int i = 0; i < threads; i += 4) {
    std::vector<std::thread> some;
    for (int k = 0; k < 4; ++k) some.emplace_back(ShortLife);
    for (std::thread& thread : some) thread.join();
  }
  other.join();
  StopWall();
}

void Forks() {
  StartWall("forks.wall.pb.gz", 1000);
  for (int i = 0; i < 40; ++i) {
    const pid_t child = i % 2 == 0 ? fork() : static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    CHECK(child >= 0);
    if (child == 0) {
      if (heapprof_stop_wall_profile != nullptr) CHECK(heapprof_stop_wall_profile() == -ENOENT);
      exit(3);
    }
    Work(1'000'000);
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 3);
  }
  StopWall();
}

void Exec() {
  StartWall("exec.wall.pb.gz", 1000);
  Work(20'000'000);
  CHECK(execl("/nowhere/at/all", "x", nullptr) == -1 && errno == ENOENT);
  const int64_t watched_again = RealNanos();
  Work(20'000'000);
  CHECK(RealNanos() > watched_again);
  // What this program has open the new one's watcher, if it had one, would hold.
  CHECK(execl("/bin/echo", "echo", "OK", nullptr) == -1);
  CHECK(!"exec");
}

void Api() {
  const int fd = OpenNew("api.wall.pb.gz");
  const int closed = dup(fd), read_only = open("/dev/null", O_RDONLY);
  CHECK(close(closed) == 0);
  if (heapprof_start_wall_profile == nullptr) return;
  CHECK(heapprof_stop_wall_profile() == -ENOENT);
  for (const int hz : {0, -1, 4001}) CHECK(heapprof_start_wall_profile(fd, hz) == -EINVAL);
  for (const int bad : {-1, closed, read_only}) CHECK(heapprof_start_wall_profile(bad, 20) == -EBADF);
  CHECK(heapprof_start_wall_profile(fd, 4000) == 0);
  CHECK(heapprof_start_wall_profile(fd, 20) == -EBUSY);
  Work(20'000'000);
  CHECK(heapprof_stop_wall_profile() == 0);
  CHECK(heapprof_stop_wall_profile() == -ENOENT);
  for (int i = 0; i < 20; ++i) {
    CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    CHECK(heapprof_start_wall_profile(fd, 1000) == 0);
    CHECK(heapprof_stop_wall_profile() == 0);
  }
  // Nobody stops this one: exit does.
  CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
  CHECK(heapprof_start_wall_profile(fd, 1000) == 0);
  Work(20'000'000);
}

void Both() {
  const int fd = OpenNew("both.cpu.pb.gz");
  if (heapprof_start_cpu_profile != nullptr) CHECK(heapprof_start_cpu_profile(fd, 1000) == 0);
  StartWall("both.wall.pb.gz", 1000);
  std::thread other([] { Work(150'000'000); });
  Work(150'000'000);
  other.join();
  StopWall();
  if (heapprof_stop_cpu_profile != nullptr) CHECK(heapprof_stop_cpu_profile() == 0);
}

// All calls are still let through.
void Confined() {
  StartWall("confined.wall.pb.gz", 1000);
  Work(30'000'000);
  sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  sock_fprog program = {1, &all};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0);
  CHECK(ForEachChild([](const int*) {}) == 0);
  Work(30'000'000);
  StopWall();
}

NOINLINE void WorkOn(int64_t nanos) { BurnFor(nanos); }

void Untraced(bool filtered) {
  constexpr int kNobody = 65534;
  const int fd = OpenNew("untraced.wall.pb.gz");
  if (!filtered && geteuid() == 0) CHECK(setresuid(kNobody, kNobody, kNobody) == 0);
  if (filtered) {
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    sock_fprog program = {4, code};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
  } else {
    CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
  }
  if (heapprof_start_wall_profile != nullptr) CHECK(heapprof_start_wall_profile(fd, 500) == 0);
  std::atomic<bool> over{false};
  std::thread sleeps([&] {
    while (!over) ShortLife();
  });
  std::thread reads([&] {
    timespec time = {0, 150'000'000};
    while (nanosleep(&time, &time) != 0) CHECK(errno == EINTR);
  });
  // Its wait is over when it is asked for its stack, and it goes on without being given a processor once
  // more.
  std::thread interrupted([] {
    const timespec time = {0, 150'000'000};
    nanosleep(&time, nullptr);
    WorkOn(150'000'000);
  });
  Work(150'000'000);
  over = true;
  sleeps.join();
  reads.join();
  interrupted.join();
  StopWall();
}

void Unload() {
  StartWall("unload.wall.pb.gz", 1000);
  std::thread other([] { Work(100'000'000); });
  for (int i = 0; i < 20; ++i) {
    void* module = dlopen(MODULE, RTLD_NOW);
    CHECK(module != nullptr);
    auto* wait = reinterpret_cast<int (*)(long)>(dlsym(module, "WaitInModule"));
    CHECK(wait != nullptr && wait(5'000'000) == 0);
    CHECK(dlclose(module) == 0);
  }
  other.join();
  StopWall();
}

void Checks() {
  StartWall("checks.wall.pb.gz", 1000);
  std::atomic<bool> over{false};
  std::thread computes([&] {
    while (!over) Work(1'000'000);
  });
  std::thread sleeps([&] {
    while (!over) ShortLife();
  });
  for (int i = 0; i < 10; ++i) {
    if (heapprof_do_recoverable_leak_check != nullptr) CHECK(heapprof_do_recoverable_leak_check() == 0);
    Work(5'000'000);
  }
  over = true;
  computes.join();
  sleeps.join();
  StopWall();
}

// Prints the watcher's id; the driver sees it end.
void Unwatched() {
  StartWall("unwatched.wall.pb.gz", 1);
  DIR* folder = opendir("/proc/self/task");
  CHECK(folder != nullptr);
  closedir(folder);
  FILE* children = fopen(("/proc/self/task/" + std::to_string(getpid()) + "/children").c_str(), "r");
  int watcher = 0;
  CHECK(children != nullptr);
  if (heapprof_start_wall_profile != nullptr) CHECK(fscanf(children, "%d", &watcher) == 1);
  printf("%d\nOK\n", watcher);
  fflush(stdout);
  raise(SIGKILL);
}

void Stopped(bool in_call) {
  const pid_t program = getpid();
  void* const shared = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  auto* const computes = new (shared) std::atomic<bool>(false);
  auto* const over = new (computes + 1) std::atomic<bool>(false);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    while (!*computes) sched_yield();
    const int64_t start = RealNanos();
    CHECK(kill(program, SIGSTOP) == 0);
    while (RealNanos() - start < 300'000'000) sched_yield();
    *over = true;
    CHECK(kill(program, SIGCONT) == 0);
    _exit(0);
  }
  StartWall("stopped.wall.pb.gz", 100);
  *computes = true;
  const timespec half = {0, 500'000'000};
  if (in_call) CHECK(nanosleep(&half, nullptr) == 0);
  while (!*over) {
  }
  StopWall();
  CHECK(waitpid(child, nullptr, 0) == child);
}

void WaitForAllKinds() {
  StartWall("all_waits.wall.pb.gz", 1000);
  Work(30'000'000);
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) _exit(3);
  int status = 0;
  // One that it names is no matter of the watcher.
  CHECK(waitpid(child, &status, __WALL) == child && WEXITSTATUS(status) == 3);
  Work(30'000'000);
  alarm(20);  // ends what waits for the watcher
  errno = 0;
  CHECK(wait4(-1, &status, __WALL, nullptr) == -1 && errno == ECHILD);
  siginfo_t info;
  CHECK(waitid(P_ALL, 0, &info, WEXITED | __WCLONE) == -1 && errno == ECHILD);
  CHECK(wait3(&status, __WALL | WNOHANG, nullptr) == -1 && errno == ECHILD);
  CHECK(ForEachChild([](const int*) {}) == 0);
  Work(30'000'000);
  StopWall();
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc >= 2);
  const std::string mode = argv[1];
  if (mode == "alone") Alone();
  if (mode == "dropped") Dropped();
  if (mode == "churn") Churn(atoi(argv[2]));
  if (mode == "forks") Forks();
  if (mode == "exec") Exec();
  if (mode == "api") Api();
  if (mode == "both") Both();
  if (mode == "confined") Confined();
  if (mode == "untraced") Untraced(false);
  if (mode == "sandboxed") Untraced(true);
  if (mode == "unload") Unload();
  if (mode == "checks") Checks();
  if (mode == "unwatched") Unwatched();
  if (mode == "stopped" || mode == "halted_in_call") Stopped(mode != "stopped");
  if (mode == "all_waits") WaitForAllKinds();
  Finish();
}
