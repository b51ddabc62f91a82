// SPDX-License-Identifier: Apache-2.0
// Arenas that end with blocks in them: lost ones, and freed ones that the quarantine of a scope keeps back.
// argv[1]: how they end.
#include <initializer_list>

#include "tests/system/programs/program.h"

extern "C" {
void* mallocx(size_t size, int flags) __attribute__((weak));
void dallocx(void* block, int flags) __attribute__((weak));
int mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size)
    __attribute__((weak));
extern __typeof__(heapprof_leak_mark) heapprof_leak_mark __attribute__((weak));
}

namespace {

NOINLINE void UseAndEnd(const char* how, bool scope) {
  unsigned arena = 0;
  size_t size = sizeof(arena);
  CHECK(mallctl("arenas.create", &arena, &size, nullptr, 0) == 0);
  constexpr int kNoCache = 0x100;
  const int flags = static_cast<int>((arena + 1) << 20) | kNoCache;
  for (const size_t bytes : {size_t{40}, size_t{5000}, size_t{100000}}) {
    for (int i = 0; i < 100; ++i) {
      auto* lost = static_cast<void**>(mallocx(bytes, flags));
      *lost = lost;
      if (!scope) continue;
      free(mallocx(bytes, flags));
    }
  }
  CHECK(mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0) == 0);
  char name[64];
  snprintf(name, sizeof(name), "arena.%u.%s", arena, how);
  CHECK(mallctl(name, nullptr, nullptr, nullptr, 0) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2 && mallctl != nullptr);
  UseAndEnd(argv[1], false);
  heapprof_leak_mark();
  UseAndEnd(argv[1], true);
  // More than the quarantine keeps: all that came before goes back to jemalloc.
  for (int i = 0; i < 10000; ++i) free(malloc(64));
  Finish();
}
