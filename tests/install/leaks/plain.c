// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

void* volatile sink;

__attribute__((noinline)) void known_leak(void) { sink = malloc(100); }
__attribute__((noinline)) void new_leak(void) { sink = malloc(200); }
__attribute__((noinline)) void wipe(void) {
  char bytes[16384];
  memset(bytes, 0, sizeof bytes);
  __asm__ volatile("" : : "r"(bytes) : "memory");
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "known") == 0) known_leak();
  if (argc > 1 && strcmp(argv[1], "leaks") == 0) {
    new_leak();
    new_leak();
    known_leak();
  }
  sink = 0;
  wipe();
  return 0;
}
