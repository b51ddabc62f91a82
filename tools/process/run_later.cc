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
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/base/failure.h"
#include "tools/process/process.h"

namespace heapprof::tools {
namespace {

// A field of proc(5)'s /proc/PID/stat from the fourth on; 0: the process has ended. `folder` is its own in
// /proc.
uint64_t StatField(int proc, const std::string& folder, int number) {
  const int fd = openat(proc, (folder + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[1024];
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  text[std::max<ssize_t>(size, 0)] = '\0';
  const char* field = std::strrchr(text, ')');  // the second one, a name that may hold blanks
  for (int i = 2; i < number && field != nullptr; ++i) field = std::strchr(field + 1, ' ');
  return field == nullptr ? 0 : std::strtoull(field, nullptr, 10);
}

// When the process started, in the kernel's ticks; 0: it has ended.
uint64_t StartOf(int proc, const std::string& folder) {
  constexpr int kStartTime = 22;
  return StatField(proc, folder, kStartTime);
}

uint64_t OwnStart() { return StartOf(AT_FDCWD, "/proc/self"); }

// Whether another `heapprof run`, which has the same options in the same folder, waits for the process.
bool IsOfAnotherRun(int proc, uint64_t pid) {
  struct stat own, file;
  if (fstatat(proc, "self/exe", &own, 0) != 0) return false;
  constexpr int kParent = 4, kMaxSteps = 1000;  // parents that end meanwhile may lead in circles
  for (int i = 0; i < kMaxSteps; ++i) {
    pid = StatField(proc, std::to_string(pid), kParent);
    if (pid <= 1 || pid == static_cast<uint64_t>(getpid())) return false;
    if (fstatat(proc, (std::to_string(pid) + "/exe").c_str(), &file, 0) == 0 && file.st_dev == own.st_dev &&
        file.st_ino == own.st_ino) {
      return true;
    }
  }
  return false;
}

bool Has(pid_t pid, const std::string& options) try {
  const Process process(pid);
  return process.OptionsText() == options && process.HasLibrary();
} catch (const Failure&) {
  return false;
}

// Those that started at `since` or later.
std::vector<pid_t> ProcessesSince(uint64_t since, const std::string& options) {
  std::vector<pid_t> found;
  DIR* entries = opendir("/proc");
  if (entries == nullptr) return found;
  const int proc = dirfd(entries);
  while (const dirent* entry = readdir(entries)) {
    const pid_t pid = std::atoi(entry->d_name);
    struct stat status;
    if (pid <= 0 || pid == getpid() || fstatat(proc, entry->d_name, &status, 0) != 0) continue;
    if (status.st_uid != geteuid() || StartOf(proc, entry->d_name) < since || !Has(pid, options) ||
        IsOfAnotherRun(proc, static_cast<uint64_t>(pid))) {
      continue;
    }
    found.push_back(pid);
  }
  closedir(entries);
  return found;
}

// Nothing of the caller's terminal, pipes and files stays open or in use.
void LeaveEverything() {
  setsid();
  if (chdir("/") != 0) return;  // then the folder stays in use
  close_range(0, UINT_MAX, 0);
  const int null = open("/dev/null", O_RDWR);
  for (int fd = null + 1; fd <= 2; ++fd) dup2(null, fd);
  // Whoever ends the daemons by a signal to all (a service manager) waits for the last of them.
  for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) {
    struct sigaction ignore = {};
    ignore.sa_handler = SIG_IGN;
    sigaction(number, &ignore, nullptr);
  }
}

void Follow(uint64_t since, const std::string& options, const std::string& folder, std::vector<pid_t> living,
            const std::function<void()>& look) {
  const int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  // A dump is renamed to its name when it is complete.
  if (watch >= 0) inotify_add_watch(watch, folder.c_str(), IN_MOVED_TO | IN_ONLYDIR);
  while (!living.empty()) {
    std::vector<pollfd> events = {{watch, POLLIN, 0}};
    for (const pid_t pid : living) {
      const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
      if (process >= 0) events.push_back({process, POLLIN, 0});
    }
    // Files that came before the watch are seen by the first look.
    look();
    const bool all_live = events.size() == living.size() + 1;
    while (all_live && poll(events.data(), events.size(), -1) > 0) {
      char names[4096];
      while (watch >= 0 && read(watch, names, sizeof names) > 0) {
      }
      look();
      if (std::any_of(events.begin() + 1, events.end(),
                      [](const pollfd& event) { return event.revents != 0; })) {
        break;
      }
    }
    for (size_t i = 1; i < events.size(); ++i) close(events[i].fd);
    living = ProcessesSince(since, options);
  }
  look();
}

}  // namespace

std::vector<pid_t> ProcessesWithOptions(const std::string& options) {
  return ProcessesSince(OwnStart(), options);
}

pid_t FollowInBackground(const std::string& options, const std::string& folder, std::vector<pid_t> living,
                         const std::function<void()>& look) {
  std::fflush(nullptr);
  const uint64_t since = OwnStart();  // the helper starts later than those that it follows
  const pid_t helper = fork();
  if (helper != 0) return helper;
  LeaveEverything();
  Follow(since, options, folder, std::move(living), look);
  _exit(kStatusGood);
}

}  // namespace heapprof::tools
