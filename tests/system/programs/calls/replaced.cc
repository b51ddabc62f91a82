// SPDX-License-Identifier: Apache-2.0
// A library that keeps blocks is unloaded, and another is mapped in its place.   replaced FIRST SECOND
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/system/programs/program.h"

namespace {

using Alloc = void* (*)(size_t);

void* Load(const char* path, const char* function, Alloc* alloc) {
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  CHECK(handle != nullptr);
  *alloc = reinterpret_cast<Alloc>(dlsym(handle, function));
  CHECK(*alloc != nullptr);
  return handle;
}

uintptr_t BaseOf(void* handle) {
  link_map* map = nullptr;
  CHECK(dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0);
  return map->l_addr;
}

void* g_kept[100];

// Loads, allocates, unloads; where it was.
uintptr_t Cycle(const char* path, const char* function, int first, int count) {
  Alloc alloc;
  void* handle = Load(path, function, &alloc);
  const uintptr_t base = BaseOf(handle);
  for (int i = first; i < first + count; ++i) g_kept[i] = alloc(1000);
  CHECK(dlclose(handle) == 0);
  return base;
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  Cycle(argv[1], "plugin_alloc", 0, 10);
  Cycle(argv[2], "other_alloc", 10, 7);
  for (int i = 0; i < 4; ++i) free(g_kept[i]);  // of the first, which is gone
  // Whatever the library needed memory for is there now, and takes no place.
  const uintptr_t place = Cycle(argv[1], "plugin_alloc", 20, 5);
  puts(Cycle(argv[2], "other_alloc", 30, 3) == place ? "same place" : "another place");
  Cycle(argv[1], "plugin_alloc", 40, 5);
  puts("OK");
  return 0;
}
