// SPDX-License-Identifier: Apache-2.0
// What a process that watches threads may come to grief over, or its program.
//   rawexec N  becomes itself N times, past libc, while other threads compute
//   halted     somebody stops the watcher
//   twothreads gives up root while another thread changes rights, too
//   beginning  a profile begins while another thread gives up root
//   changing   a thread changes rights while profiles begin and end
//   hidden     becomes not dumpable while it is watched
//   fileuser   changes the user that files are opened by
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/support/bare_call.h"
#include "tests/system/wall/wall.h"

namespace {

using heapprof::test::BareCall;

// As Go's runtime calls exec.
void RawExec(char** argv) {
  const int left = atoi(argv[2]);
  if (left == 0) return;
  constexpr int kThreads = 12;
  std::atomic<int> running{0};
  for (int i = 0; i < kThreads; ++i) {
    std::thread([&running] {
      ++running;
      for (volatile bool endless = true; endless;) {
      }
    }).detach();
  }
  while (running != kThreads) ShortLife();
  for (int i = 0; i < 10; ++i) ShortLife();
  const std::string next = std::to_string(left - 1);
  const char* words[] = {argv[0], argv[1], next.c_str(), nullptr};
  BareCall(SYS_execve, reinterpret_cast<long>("/proc/self/exe"), reinterpret_cast<long>(words),
           reinterpret_cast<long>(environ));
  CHECK(!"exec");
}

int FirstChild() {
  FILE* children = fopen(("/proc/self/task/" + std::to_string(getpid()) + "/children").c_str(), "r");
  int child = 0;
  CHECK(children != nullptr && fscanf(children, "%d", &child) == 1);
  fclose(children);
  return child;
}

void Halted() {
  StartWall("halted.wall.pb.gz", 1);
  if (heapprof_start_wall_profile == nullptr) return;
  const int watcher = FirstChild();
  CHECK(getpgid(watcher) != getpgrp());
  CHECK(kill(watcher, SIGSTOP) == 0);
  StopWall();
}

// Changes nothing, but might.
void SameUser() {
  CHECK(setresuid(static_cast<uid_t>(-1), static_cast<uid_t>(-1), static_cast<uid_t>(-1)) == 0);
}

void TwoThreads() {
  constexpr int kNobody = 65534, kTries = 20;
  for (int i = 0; i < kTries; ++i) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      StartWall("twothreads.wall.pb.gz", 100);
      std::atomic<bool> over{false};
      std::thread other([&] {
        while (!over) SameUser();
      });
      Work(2'000'000);
      CHECK(setresuid(kNobody, kNobody, kNobody) == 0);
      ForEachChild([](const int* ids) {
        for (int k = 0; k < 4; ++k) CHECK(ids[k] == kNobody);
      });
      over = true;
      other.join();
      StopWall();
      _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(unlink("twothreads.wall.pb.gz") == 0 || heapprof_start_wall_profile == nullptr);
  }
}

void Beginning() {
  constexpr int kNobody = 65534, kTries = 40;
  for (int i = 0; i < kTries; ++i) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      const int fd = OpenNew("beginning.wall.pb.gz");
      std::atomic<bool> go{false};
      std::thread begins([&] {
        while (!go) {
        }
        if (heapprof_start_wall_profile != nullptr) CHECK(heapprof_start_wall_profile(fd, 100) == 0);
      });
      go = true;
      // From before its watcher begins to after that.
      for (int64_t end = RealNanos() + i * 5'000; RealNanos() < end;) {
      }
      CHECK(setresuid(kNobody, kNobody, kNobody) == 0);
      begins.join();
      ForEachChild([](const int* ids) {
        for (int k = 0; k < 4; ++k) CHECK(ids[k] == kNobody);
      });
      StopWall();
      _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(unlink("beginning.wall.pb.gz") == 0);
  }
}

void Changing() {
  std::atomic<bool> over{false};
  std::thread other([&] {
    while (!over) SameUser();
  });
  const int fd = OpenNew("changing.wall.pb.gz");
  for (int i = 0; i < 100 && heapprof_start_wall_profile != nullptr; ++i) {
    CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    CHECK(heapprof_start_wall_profile(fd, 1000) == 0);
    StopWall();
    CHECK(ForEachChild([](const int*) {}) == 0);
  }
  over = true;
  other.join();
}

void Hidden() {
  constexpr int kNobody = 65534;
  const int fd = OpenNew("hidden.wall.pb.gz");
  if (geteuid() == 0) CHECK(setresuid(kNobody, kNobody, kNobody) == 0);
  CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  if (heapprof_start_wall_profile != nullptr) CHECK(heapprof_start_wall_profile(fd, 500) == 0);
  Work(30'000'000);
  CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
  Work(100'000'000);
  StopWall();
}

void FileUser() {
  // A child of vfork that becomes another program says nothing of this one.
  const pid_t child = vfork();
  if (child == 0) {
    execl("/bin/true", "true", static_cast<char*>(nullptr));
    _exit(1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  StartWall("fileuser.wall.pb.gz", 1000);
  Work(30'000'000);
  setfsuid(65534);
  Work(60'000'000);
  StopWall();
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc >= 2);
  const std::string mode = argv[1];
  if (mode == "rawexec") RawExec(argv);
  if (mode == "halted") Halted();
  if (mode == "twothreads") TwoThreads();
  if (mode == "beginning") Beginning();
  if (mode == "changing") Changing();
  if (mode == "hidden") Hidden();
  if (mode == "fileuser") FileUser();
  Finish();
}
