// SPDX-License-Identifier: Apache-2.0
// Three functions above each other, the innermost of which allocates once: the stack that each linked form of
// this program has to show. In C, so that it links with -static by every linker.
#include "tests/system/programs/program.h"

static void* volatile g_block;

NOINLINE void level3(void) { g_block = malloc(777); }
NOINLINE void level2(void) {
  level3();
  __asm__ volatile("");
}
NOINLINE void level1(void) {
  level2();
  __asm__ volatile("");
}

int main(void) {
  level1();
  CHECK(g_block != NULL);
  Finish();
  return 0;
}
