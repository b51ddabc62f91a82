// SPDX-License-Identifier: Apache-2.0
// Two libraries of one size, of which each comes to lie where the other lay.   places ONE OTHER
#include <dlfcn.h>
#include <link.h>

#include "tests/system/programs/program.h"

int main(int argc, char** argv) {
  CHECK(argc == 3);
  ElfW(Addr) place = 0;
  int met = 0;
  for (int round = 0; round < 20; ++round) {
    void* handle = dlopen(argv[1 + round % 2], RTLD_NOW | RTLD_LOCAL);
    CHECK(handle != nullptr);
    link_map* map = nullptr;
    CHECK(dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0);
    met += map->l_addr == place ? 1 : 0;
    place = map->l_addr;
    auto* allocate = reinterpret_cast<void* (*)()>(dlsym(handle, "unindexed_alloc"));
    CHECK(allocate != nullptr);
    free(allocate());
    CHECK(dlclose(handle) == 0);
  }
  CHECK(met > 10);
  Finish();
}
