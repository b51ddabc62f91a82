// SPDX-License-Identifier: Apache-2.0
// A library without an index of its unwind tables. Built twice, as large, with the tables at another place
// (PLACE is const or nothing), and frames of another size.
#include <stdlib.h>

PLACE char unindexed_bulk[16384] = {1};

__attribute__((noinline)) static void* allocate(void) {
  char frame[FRAME];
  __asm__ volatile("" : : "r"(frame) : "memory");
  void* block = malloc(FRAME);
  __asm__ volatile("" : : "r"(block) : "memory");
  return block;
}

__attribute__((visibility("default"))) void* unindexed_alloc(void);
void* unindexed_alloc(void) {
  void* block = allocate();
  __asm__ volatile("" : : "r"(block) : "memory");
  return block;
}
