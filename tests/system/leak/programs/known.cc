// SPDX-License-Identifier: Apache-2.0
// Leaks whose number, size and place are known to the test.
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

#include "tests/system/leak/programs/scenario.h"

namespace {
void* volatile g_kept;
void* volatile g_sink;
}  // namespace

extern "C" {

NOINLINE void LeakTen() {
  for (int i = 0; i < 10; ++i) g_sink = malloc(100);
  g_sink = nullptr;
}

static inline __attribute__((always_inline)) void* InnerBlock() { return malloc(30); }

NOINLINE void LeakHeavy() {
  auto** block = static_cast<void**>(calloc(1, 7000));
  block[10] = InnerBlock();
  g_sink = block;
  g_sink = nullptr;
}

NOINLINE void Keep() { g_kept = malloc(5000); }

#ifdef OWN_SUPPRESSIONS
__attribute__((visibility("default"))) const char* __lsan_default_suppressions() {
  return "leak:LeakHeavy\n";
}
#endif

}  // extern "C"

namespace {

NOINLINE void Deep() {
  char bytes[32 << 10];
  memset(bytes, 0, sizeof bytes);
  asm volatile("" : : "r"(bytes) : "memory");
  LeakTen();
  LeakHeavy();
  Keep();
  asm volatile("" : : "r"(bytes) : "memory");
}

}  // namespace

// An argument names another way to end than returning.
int main(int argc, char** argv) {
  Deep();
  char bytes[64 << 10];
  memset(bytes, 0, sizeof bytes);
  asm volatile("" : : "r"(bytes) : "memory");
  printf("written before the end\n");  // to a pipe: held until the end
  const char* way = argc > 1 ? argv[1] : "";
  if (strcmp(way, "close_stderr") == 0) atexit([] { fclose(stderr); });  // as gnulib's close_stdout
  if (strcmp(way, "null_stderr") == 0) CHECK(freopen("/dev/null", "w", stderr) != nullptr);
  if (strcmp(way, "close_all") == 0) {
    // From stderr on; and the file "mine" has all numbers afterwards that there may be.
    CHECK(close_range(2, ~0u, 0) == 0);
    const int mine = open("mine", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(mine == 2);
    for (int fd = 3; fd < 1024; ++fd) CHECK(dup2(mine, fd) == fd);
    CHECK(close(2) == 0);
  }
  if (strcmp(way, "no_memory") == 0) {
    const rlimit none = {1, 1};
    CHECK(setrlimit(RLIMIT_AS, &none) == 0);
  }
  if (strcmp(way, "_exit") == 0) _exit(5);
  if (strcmp(way, "_Exit") == 0) _Exit(5);
  if (strcmp(way, "quick_exit") == 0) quick_exit(5);
  if (strcmp(way, "abort") == 0) abort();
  return 5;
}
