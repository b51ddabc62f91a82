// SPDX-License-Identifier: Apache-2.0
// A program that was built for jemalloc: it brings settings in malloc_conf, prof:true among them.
#include "tests/system/programs/program.h"

extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "prof:true,narenas:3";
int mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size)
    __attribute__((weak));
void malloc_stats_print(void (*write)(void*, const char*), void* arg, const char* options)
    __attribute__((weak));
}

static void LookForProfiler(void* found, const char* text) {
  if (strstr(text, "opt.prof: true") != NULL) *static_cast<bool*>(found) = true;
}

int main() {
  unsigned arenas = 0;
  bool profiling = true, of_jemalloc = false;
  size_t size = sizeof arenas;
  CHECK(mallctl != nullptr);
  CHECK(mallctl("opt.narenas", &arenas, &size, nullptr, 0) == 0);
  unsigned bins = 0;  // who chooses arenas has the bins that jemalloc gives them
  CHECK(mallctl("arenas.bin.0.nshards", &bins, &size, nullptr, 0) == 0 && bins == 1);
  size = sizeof profiling;
  CHECK(mallctl("opt.prof", &profiling, &size, nullptr, 0) == 0);
  malloc_stats_print(LookForProfiler, &of_jemalloc, "mdablxeh");
  printf("narenas %u prof %d jemalloc's %d\n", arenas, profiling, of_jemalloc);
  Finish();
}
