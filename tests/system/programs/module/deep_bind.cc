// SPDX-License-Identifier: Apache-2.0
// Blocks that cross between the program and a library which is to look into libc first.
//   deep_bind PLUGIN FINDER NAME: FINDER finds NAME by its own RUNPATH
#include <dlfcn.h>

#include <exception>

#include "tests/system/programs/program.h"

namespace {

template <typename Function>
Function Find(void* handle, const char* name) {
  void* found = dlsym(handle, name);
  CHECK(found != nullptr);
  return reinterpret_cast<Function>(found);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 4);
  for (int round = 0; round < 20; ++round) {
    // Without a malloc in place of libc's there is but one.
    void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    CHECK(plugin != nullptr);
    auto alloc = Find<void* (*)(size_t)>(plugin, "plugin_alloc");
    free(alloc(1000));
    void* block = realloc(alloc(50000), 80000);
    CHECK(block != nullptr && static_cast<char*>(block)[49999] == 1);
    free(block);
    auto throws = Find<void (*)(int)>(plugin, "plugin_throw");
    bool caught = false;
    try {
      throws(3);
    } catch (const std::exception&) {
      caught = true;
    }
    CHECK(caught);
    CHECK(dlclose(plugin) == 0);
  }
  CHECK(dlopen(argv[3], RTLD_NOW) == nullptr && dlerror() != nullptr);
  void* finder = dlopen(argv[2], RTLD_NOW);
  CHECK(finder != nullptr);
  CHECK(Find<void* (*)(const char*)>(finder, "find")(argv[3]) != nullptr);
  CHECK(dlopen(nullptr, RTLD_NOW) != nullptr);
  Dump();
  Finish();
}
