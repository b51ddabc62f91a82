// SPDX-License-Identifier: Apache-2.0
// Allocates, says "ready", and ends when standard input does. Its own options stand in the program; it takes
// SIGUSR2 for itself if it is told "raw", by a system call that no library sees.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" __attribute__((visibility("default"))) const char* heapprof_default_options(void) {
  return "sample_interval=1:output=own.%p.%n:dump_signal=45";
}

namespace {

void Wake(int) { _exit(9); }

// As rt_sigaction(2) of the kernel has it. It is never returned from.
struct {
  void (*handler)(int);
  unsigned long flags;
  void* restorer;
  unsigned long mask;
} g_action = {Wake, 0x04000000 /* SA_RESTORER */, nullptr, 0};

}  // namespace

int main(int argc, char** argv) {
  void* volatile kept = malloc(100000);
  if (argc > 1 && strcmp(argv[1], "raw") == 0 && syscall(SYS_rt_sigaction, 45, &g_action, nullptr, 8) != 0) {
    return 3;
  }
  printf("ready\n");
  fflush(stdout);
  char byte;
  while (read(0, &byte, 1) > 0) {
  }
  free(kept);
  return 4;
}
