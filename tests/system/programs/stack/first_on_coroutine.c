// SPDX-License-Identifier: Apache-2.0
/* The first malloc of the process runs on a coroutine's stack: the main thread's own stack must be walked
 * right all the same afterwards. In C, so that no runtime allocates before. */
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/system/programs/program.h"

static ucontext_t g_main, g_coroutine;
static char* g_kept;

static NOINLINE void alloc_in_coroutine(void) {
  g_kept = malloc(10000);
  CHECK(g_kept != NULL);
}
static void Coroutine(void) {
  alloc_in_coroutine();
  swapcontext(&g_coroutine, &g_main);
  alloc_in_coroutine();
}

static NOINLINE char* alloc_deep_in_main(int depth) {
  char room[512];
  memset(room, depth, sizeof room);
  char* block = depth == 0 ? malloc(20000) : alloc_deep_in_main(depth - 1);
  CHECK(room[100] == (char)depth);
  return block;
}

int main(void) {
  const size_t size = 64 << 10;
  char* stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(stack != MAP_FAILED);
  CHECK(getcontext(&g_coroutine) == 0);
  g_coroutine.uc_stack.ss_sp = stack;
  g_coroutine.uc_stack.ss_size = size;
  g_coroutine.uc_link = &g_main;
  makecontext(&g_coroutine, Coroutine, 0);
  CHECK(swapcontext(&g_main, &g_coroutine) == 0);
  char* first = g_kept;
  char* deep = alloc_deep_in_main(40);
  CHECK(swapcontext(&g_main, &g_coroutine) == 0);
  DumpBySignal();
  munmap(stack, size);
  free(first);
  free(g_kept);
  free(deep);
  DumpBySignal();
  Finish();
  return 0;
}
