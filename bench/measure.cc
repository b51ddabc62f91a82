// SPDX-License-Identifier: Apache-2.0
// Runs a program and says what it used. It is small itself: the peak resident set that the kernel accounts to
// a process is at least that of the process it was forked from.
//
//     bench_measure FILE PROGRAM [ARGUMENT...]
// writes "user+system-seconds peak-RSS-KiB" to FILE, descendants that were waited for included, and ends with
// the program's own status.
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char** environ;

int main(int argc, char** argv) {
  if (argc < 3) return fprintf(stderr, "usage: bench_measure FILE PROGRAM [ARGUMENT...]\n"), 2;
  pid_t pid;
  if (posix_spawnp(&pid, argv[2], nullptr, nullptr, argv + 2, environ) != 0) return 127;
  int status;
  rusage usage;
  if (wait4(pid, &status, 0, &usage) != pid) return 127;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  FILE* out = fopen(argv[1], "w");
  if (out == nullptr) return 127;
  fprintf(out, "%.6f %ld\n", seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss);
  if (fclose(out) != 0) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
