// SPDX-License-Identifier: Apache-2.0
// Runs a program and says what it used. It is small itself: the peak resident set that the kernel accounts to
// a process is at least that of the process it was forked from.
//
//     bench_measure FILE PROGRAM [ARGUMENT...]
// writes "seconds user+system-seconds peak-KiB average-KiB last-KiB" to FILE and ends with the program's own
// status. The seconds and the peak are the kernel's, descendants that were waited for included. The average
// and the last are of looks at the resident set each 10 ms, descendants of first threads included; 0 for a
// program that was too short for a look. The last one is before the kernel takes the memory: what the
// allocator kept.
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

namespace {

constexpr long kLookNanoseconds = 10'000'000;

double Seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
}

double Now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// KiB of the process and of those that it started; 0 when it has none any more.
long Resident(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  long pages = 0;
  if (FILE* file = fopen(path, "r")) {
    if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    fclose(file);
  }
  long kib = pages * (sysconf(_SC_PAGESIZE) / 1024);
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
  if (FILE* file = fopen(path, "r")) {
    for (pid_t child; fscanf(file, "%d", &child) == 1;) kib += Resident(child);
    fclose(file);
  }
  return kib;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return fprintf(stderr, "usage: bench_measure FILE PROGRAM [ARGUMENT...]\n"), 2;
  // Blocked here, so that the end of the program ends the wait between two looks, and not in the program.
  sigset_t none, ended;
  sigemptyset(&none);
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ended, nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

  const double begin = Now();
  pid_t pid;
  if (posix_spawnp(&pid, argv[2], nullptr, &attributes, argv + 2, environ) != 0) return 127;
  int status;
  rusage usage;
  double sum = 0;
  long looks = 0, last = 0;
  for (;;) {
    const timespec pause = {0, kLookNanoseconds};
    sigtimedwait(&ended, nullptr, &pause);
    const pid_t done = wait4(pid, &status, WNOHANG, &usage);
    if (done < 0) return 127;
    if (done == pid) break;
    if (const long kib = Resident(pid); kib > 0) {
      sum += static_cast<double>(kib);
      ++looks;
      last = kib;
    }
  }
  const double seconds = Now() - begin;
  FILE* out = fopen(argv[1], "w");
  if (out == nullptr) return 127;
  fprintf(out, "%.6f %.6f %ld %.0f %ld\n", seconds, Seconds(usage.ru_utime) + Seconds(usage.ru_stime),
          usage.ru_maxrss, looks > 0 ? sum / static_cast<double>(looks) : 0, last);
  if (fclose(out) != 0) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
