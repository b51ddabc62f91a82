// SPDX-License-Identifier: Apache-2.0
// What the tests of `heapprof watch` look at: a program whose heap changes when a line comes.
//
// It holds 8 MiB by KeptTable from the start, and says "ready". Lines: "grow" (GrowingCache takes 1 MiB
// more), "churn" (PassingBuffer takes 4 MiB and frees them), "own" (takes SIGUSR2 for itself), "end". Each
// is answered by "done".
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace {

constexpr size_t kMiB = 1 << 20;
char* g_kept[9];
char* g_grown[64];

__attribute__((noinline)) char* Touched(char* block, size_t size) {
  memset(block, 1, size);
  return block;
}

__attribute__((noinline)) void KeptTable() {
  for (int i = 0; i < 8; ++i) g_kept[i] = Touched(static_cast<char*>(malloc(kMiB)), kMiB);
}
__attribute__((noinline)) void GrowingCache() {
  static int grown = 0;
  if (grown < 64) g_grown[grown++] = Touched(static_cast<char*>(malloc(kMiB)), kMiB);
}
__attribute__((noinline)) void PassingBuffer() {
  for (int i = 0; i < 4; ++i) free(Touched(static_cast<char*>(malloc(kMiB)), kMiB));
}

}  // namespace

int main() {
  KeptTable();
  puts("ready");
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin) != nullptr && strcmp(line, "end\n") != 0) {
    if (strcmp(line, "grow\n") == 0) GrowingCache();
    if (strcmp(line, "churn\n") == 0) PassingBuffer();
    if (strcmp(line, "own\n") == 0) signal(SIGUSR2, SIG_IGN);
    puts("done");
    fflush(stdout);
  }
  return 0;
}
