// SPDX-License-Identifier: Apache-2.0
// A library loaded and unloaded in a loop beside walks over the loaded objects that allocate, exceptions
// thrown inside and outside of the library, and threads that allocate.   dlopen_loop PLUGIN ROUNDS
#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <exception>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/system/programs/churn.h"

namespace {

std::atomic<bool> g_stop{false};

int AllocateInWalk(dl_phdr_info* info, size_t, void* count) {
  free(malloc(strlen(info->dlpi_name) + 30));
  ++*static_cast<int*>(count);
  return 0;
}

void Walk() {
  while (!g_stop.load()) {
    int count = 0;
    dl_iterate_phdr(AllocateInWalk, &count);
    CHECK(count > 3);
  }
}

void ThrowOften() {
  while (!g_stop.load()) {
    try {
      CHECK(std::vector<int>().at(5) != 0);
    } catch (const std::out_of_range&) {
    }
  }
}

void LoadOnce(const char* plugin) {
  void* handle = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
  CHECK(handle != nullptr);
  auto alloc = reinterpret_cast<void* (*)(size_t)>(dlsym(handle, "plugin_alloc"));
  auto tls = reinterpret_cast<int (*)()>(dlsym(handle, "plugin_tls"));
  auto throws = reinterpret_cast<void (*)(int)>(dlsym(handle, "plugin_throw"));
  void* block = alloc(200);
  CHECK(tls() == 1);
  bool caught = false;
  try {
    throws(4);
  } catch (const std::exception&) {
    caught = true;
  }
  CHECK(caught);
  CHECK(dlclose(handle) == 0);
  free(block);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  std::vector<std::thread> threads;
  threads.emplace_back(Walk);
  threads.emplace_back(ThrowOften);
  threads.emplace_back([] {
    Churn churn(9);
    while (!g_stop.load()) churn.Steps(100);
  });
  const int rounds = atoi(argv[2]);
  for (int round = 0; round < rounds; ++round) {
    LoadOnce(argv[1]);
    if (round % 50 == 25) DumpBySignal();
  }
  g_stop = true;
  for (std::thread& thread : threads) thread.join();
  Dump();
  Finish();
}
