// SPDX-License-Identifier: Apache-2.0
#include "tools/process/run_later.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/base/failure.h"
#include "tools/process/process.h"

namespace heapprof::tools {
namespace {

// When the process started, in the kernel's ticks; 0: it has ended. `folder` is its own in /proc.
uint64_t StartOf(int proc, const std::string& folder) {
  const int fd = openat(proc, (folder + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[1024];
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  text[std::max<ssize_t>(size, 0)] = '\0';
  const char* field = std::strrchr(text, ')');  // the name may hold blanks
  constexpr int kFieldsBefore = 20;             // the name is the second field of proc(5), starttime the 22nd
  for (int i = 0; i < kFieldsBefore && field != nullptr; ++i) field = std::strchr(field + 1, ' ');
  return field == nullptr ? 0 : std::strtoull(field, nullptr, 10);
}

uint64_t OwnStart() { return StartOf(AT_FDCWD, "/proc/self"); }

bool IsOfRun(pid_t pid, const std::string& run) try {
  const Process process(pid);
  return process.Variable("HEAPPROF_RUN") == run && process.HasLibrary();
} catch (const Failure&) {
  return false;
}

// Those that started at `since` or later.
std::vector<pid_t> ProcessesSince(uint64_t since, const std::string& run) {
  std::vector<pid_t> found;
  DIR* entries = opendir("/proc");
  if (entries == nullptr) return found;
  const int proc = dirfd(entries);
  while (const dirent* entry = readdir(entries)) {
    const pid_t pid = std::atoi(entry->d_name);
    struct stat status;
    if (pid <= 0 || pid == getpid() || fstatat(proc, entry->d_name, &status, 0) != 0) continue;
    if (status.st_uid != geteuid() || StartOf(proc, entry->d_name) < since || !IsOfRun(pid, run)) {
      continue;
    }
    found.push_back(pid);
  }
  closedir(entries);
  return found;
}

void CloseAll() {
  constexpr long kCloseRange = 436;  // on all architectures; libc has a function for it since 2.34
  if (syscall(kCloseRange, 0, UINT_MAX, 0) == 0) return;
  // A kernel before 5.9.
  std::vector<int> open;
  if (DIR* entries = opendir("/proc/self/fd")) {
    while (const dirent* entry = readdir(entries)) open.push_back(std::atoi(entry->d_name));
    closedir(entries);
  }
  for (const int fd : open) close(fd);
}

// Nothing of the caller's terminal, pipes and files stays open or in use.
void LeaveEverything() {
  setsid();
  // Whoever ends the daemons by a signal to all (a service manager) waits for the last of them.
  for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) {
    struct sigaction ignore = {};
    ignore.sa_handler = SIG_IGN;
    sigaction(number, &ignore, nullptr);
  }
  if (chdir("/") != 0) return;  // then the folder stays in use
  CloseAll();
  const int null = open("/dev/null", O_RDWR);
  for (int fd = null + 1; fd <= 2; ++fd) dup2(null, fd);
}

// What came is found by a look at the folder.
void TakeEvents(int watch) {
  char names[4096];
  while (watch >= 0 && read(watch, names, sizeof names) > 0) {
  }
}

void Follow(uint64_t since, const std::string& run, const std::string& folder, std::vector<pid_t> living,
            const std::function<void()>& look) {
  const int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  // A dump is renamed to its name when it is complete.
  if (watch >= 0) inotify_add_watch(watch, folder.c_str(), IN_MOVED_TO | IN_ONLYDIR);
  while (!living.empty()) {
    std::vector<pollfd> events = {{watch, POLLIN, 0}};
    bool can_wait = true;
    for (const pid_t pid : living) {
      const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
      if (process >= 0) events.push_back({process, POLLIN, 0});
      can_wait = can_wait && (process >= 0 || errno == ESRCH);
    }
    // Files that came before the watch are seen by the first look.
    look();
    const bool all_live = events.size() == living.size() + 1;
    while (all_live && poll(events.data(), events.size(), -1) > 0) {
      TakeEvents(watch);
      look();
      if (std::any_of(events.begin() + 1, events.end(),
                      [](const pollfd& event) { return event.revents != 0; })) {
        break;
      }
    }
    // Who ends is not told by kernels before 5.3.
    constexpr timespec kBetweenLooks = {0, 100'000'000};
    if (!can_wait) {
      ppoll(events.data(), events.size(), &kBetweenLooks, nullptr);
      TakeEvents(watch);
    }
    for (size_t i = 1; i < events.size(); ++i) close(events[i].fd);
    living = ProcessesSince(since, run);
  }
  look();
}

}  // namespace

std::vector<pid_t> ProcessesOfRun(const std::string& run) { return ProcessesSince(OwnStart(), run); }

pid_t FollowInBackground(const std::string& run, const std::string& folder, std::vector<pid_t> living,
                         const std::function<void()>& look) {
  std::fflush(nullptr);
  const uint64_t since = OwnStart();  // the helper starts later than those that it follows
  int left[2];
  if (pipe2(left, O_CLOEXEC) != 0) return -1;
  const pid_t helper = fork();
  if (helper != 0) {
    // The end of this process may be the end of its group, to whoever waits for it.
    char none;
    close(left[1]);
    while (helper > 0 && read(left[0], &none, 1) < 0 && errno == EINTR) {
    }
    close(left[0]);
    return helper;
  }
  close(left[0]);
  LeaveEverything();
  if (left[1] > 2) close(left[1]);  // where the kernel closes no range; others have become /dev/null
  Follow(since, run, folder, std::move(living), look);
  _exit(kStatusGood);
}

}  // namespace heapprof::tools
