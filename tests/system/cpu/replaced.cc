// SPDX-License-Identifier: Apache-2.0
// A library that uses CPU, makes a thread and adds to a named profile is unloaded, and another is mapped in
// its place, while a CPU profile runs.   replaced FIRST SECOND FILE.cpu FILE.named FILE.threads
#include <dlfcn.h>
#include <link.h>

#include <thread>

#include "heapprof/heapprof.hpp"
#include "tests/system/cpu/load.h"

namespace {

heapprof::Profile& Kept() {
  static heapprof::Profile profile("app.kept");
  return profile;
}

// Two keys and a thread, and 150 ms.
NOINLINE int Use() {
  static char keys[100];
  static int used = 0;
  for (int i = 0; i < 2; ++i) Kept().Add(&keys[used++]);
  std::thread([] {}).join();
  BurnFor(150'000'000);
  return used;
}

// Loads, uses, unloads; where it was.
uintptr_t Cycle(const char* path, const char* function) {
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  CHECK(handle != nullptr);
  auto call = reinterpret_cast<int (*)(int (*)())>(dlsym(handle, function));
  link_map* map = nullptr;
  CHECK(call != nullptr && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0);
  const uintptr_t base = map->l_addr;
  CHECK(call(Use) > 1);
  CHECK(dlclose(handle) == 0);
  return base;
}

void WriteTo(const char* path, const char* name) {
  const int fd = OpenNew(path);
  CHECK(!heapprof::WriteProfile(name, fd, heapprof::Format::kProto) && close(fd) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 6);
  // Whatever the library needs memory for is there afterwards, and takes no place.
  Cycle(argv[1], "plugin_call");
  Cycle(argv[2], "other_call");
  const int fd = OpenNew(argv[3]);
  CHECK(heapprof_start_cpu_profile(fd, 1000) == 0);
  const uintptr_t place = Cycle(argv[1], "plugin_call");
  puts(Cycle(argv[2], "other_call") == place ? "same place" : "another place");
  Cycle(argv[1], "plugin_call");
  CHECK(heapprof_stop_cpu_profile() == 0 && close(fd) == 0);
  WriteTo(argv[4], "app.kept");
  WriteTo(argv[5], "threadcreate");
  Finish();
}
