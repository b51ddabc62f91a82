// SPDX-License-Identifier: Apache-2.0
// What a program may do only while it has one thread, and what all of its threads must do together.
//   alone     under a profile it has one thread, and may unshare what only such a process may
//   dropped   gives up root, and looks whether every thread did
//   cloned    children made by clone and _Fork, past libc's fork, end by exit
#include <dirent.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include <string>
#include <thread>

#include "tests/system/cpu/load.h"

namespace {

NOINLINE void Work() { BurnFor(50'000'000); }

template <typename Use>
int ForEachTask(Use use) {
  DIR* folder = opendir("/proc/self/task");
  CHECK(folder != nullptr);
  int count = 0;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    ++count;
    use(std::string("/proc/self/task/") + entry->d_name + "/status");
  }
  closedir(folder);
  return count;
}

// The status with which a child that unshares ends: it has a profile of its own.
int Unshare(int flags) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    Work();
    _exit(unshare(flags) == 0 ? 0 : errno);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  return WEXITSTATUS(status);
}

void Alone() {
  Work();
  CHECK(ForEachTask([](const std::string&) {}) == 1);
  // EINVAL is what a process of several threads gets; a sandbox may refuse in other ways.
  for (const int flags : {CLONE_NEWUSER, CLONE_NEWNS | CLONE_FS, CLONE_VM | CLONE_SIGHAND}) {
    CHECK(Unshare(flags) != EINVAL);
  }
}

int ExitThree(void*) { exit(3); }

void Cloned() {
  alignas(16) static char stack[256 << 10];
  for (int round = 0; round < 30; ++round) {
    BurnFor(2'000'000);
    pid_t child = -1;
    if (round % 3 == 0) child = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    if (round % 3 == 1) child = clone(ExitThree, stack + sizeof(stack), SIGCHLD, nullptr);
    if (round % 3 == 2) child = _Fork();
    if (child == 0) exit(3);
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
  }
  Work();
}

void Dropped() {
  CHECK(geteuid() == 0);
  constexpr int kNobody = 65534;
  Work();
  std::thread other([] { Work(); });
  CHECK(setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0);
  CHECK(setresuid(kNobody, kNobody, kNobody) == 0);
  const int tasks = ForEachTask([](const std::string& path) {
    FILE* status = fopen(path.c_str(), "r");
    CHECK(status != nullptr);
    char line[256];
    int seen = 0;
    while (fgets(line, sizeof(line), status) != nullptr) {
      int ids[4];
      if (sscanf(line, "Uid: %d %d %d %d", &ids[0], &ids[1], &ids[2], &ids[3]) != 4) continue;
      for (const int id : ids) CHECK(id == kNobody);
      ++seen;
    }
    fclose(status);
    CHECK(seen == 1);
  });
  CHECK(tasks == 2 || tasks == 1);
  Work();
  other.join();
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const std::string mode = argv[1];
  const int fd = OpenNew("rights.cpu.pb.gz");
  const bool profiled = heapprof_start_cpu_profile != nullptr;
  if (profiled) CHECK(heapprof_start_cpu_profile(fd, 1000) == 0);
  if (mode == "alone") Alone();
  if (mode == "dropped") Dropped();
  if (mode == "cloned") Cloned();
  if (profiled) CHECK(heapprof_stop_cpu_profile() == 0);
  Finish();
}
