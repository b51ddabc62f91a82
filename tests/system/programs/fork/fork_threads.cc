// SPDX-License-Identifier: Apache-2.0
// Forks beside threads that allocate and one that loads and unloads a library. Each child allocates, throws,
// dumps and forks again.   fork_threads PLUGIN ROUNDS
#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/system/programs/churn.h"

namespace {

std::atomic<bool> g_stop{false};

void AllocatingThread(int seed) {
  Churn churn(static_cast<uint64_t>(seed));
  while (!g_stop.load()) churn.Steps(100);
}

void LoadingThread(const char* plugin) {
  while (!g_stop.load()) {
    void* handle = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
    CHECK(handle != nullptr);
    auto alloc = reinterpret_cast<void* (*)(size_t)>(dlsym(handle, "plugin_alloc"));
    free(alloc(300));
    dlclose(handle);
  }
}

void Wait(pid_t child) {
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

NOINLINE void ThrowAndCatch() {
  try {
    throw std::runtime_error("in a child");
  } catch (const std::exception& caught) {
    CHECK(caught.what()[0] == 'i');
  }
}

NOINLINE void InChild(int round) {
  {
    Churn churn(static_cast<uint64_t>(round));
    churn.Steps(300);
  }
  ThrowAndCatch();
  if (round % 5 == 0) {
    Dump();
    DumpBySignal();
  }
  const pid_t grandchild = fork();
  CHECK(grandchild >= 0);
  if (grandchild == 0) {
    std::thread([round] { Churn(static_cast<uint64_t>(round) + 1000).Steps(100); }).join();
    if (round % 5 == 0) Dump();
    _exit(0);
  }
  Wait(grandchild);
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(AllocatingThread, i);
  threads.emplace_back(LoadingThread, argv[1]);
  for (int round = 0; round < atoi(argv[2]); ++round) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) InChild(round);
    Wait(child);
  }
  g_stop = true;
  for (std::thread& thread : threads) thread.join();
  Dump();
  Finish();
}
