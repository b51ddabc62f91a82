// SPDX-License-Identifier: Apache-2.0
// A program that was built for jemalloc: it brings settings in malloc_conf, prof:true among them.
#include "tests/system/programs/program.h"

extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "prof:true,narenas:3";
int mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size)
    __attribute__((weak));
}

int main() {
  unsigned arenas = 0;
  bool profiling = true;
  size_t size = sizeof arenas;
  CHECK(mallctl != nullptr);
  CHECK(mallctl("opt.narenas", &arenas, &size, nullptr, 0) == 0);
  size = sizeof profiling;
  CHECK(mallctl("opt.prof", &profiling, &size, nullptr, 0) == 0);
  printf("narenas %u prof %d\n", arenas, profiling);
  Finish();
}
