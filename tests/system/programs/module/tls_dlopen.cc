// SPDX-License-Identifier: Apache-2.0
// 200 different libraries with TLS of their own are loaded; then threads that were there before use them all:
// the loader allocates their TLS inside __tls_get_addr.   tls_dlopen FILE...
#include <dlfcn.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/system/programs/churn.h"

namespace {

std::atomic<bool> g_loaded{false};
std::atomic<int> g_waiting{0};
std::vector<int (*)()> g_users;

void OldThread(int seed) {
  Churn churn(static_cast<uint64_t>(seed));
  churn.Steps(100);
  ++g_waiting;
  while (!g_loaded.load()) churn.Steps(10);
  for (int (*user)() : g_users) {
    CHECK(user() == 1);
    churn.Steps(10);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc > 100);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(OldThread, i);
  while (g_waiting.load() < 4) std::this_thread::yield();
  for (int i = 1; i < argc; ++i) {
    void* handle = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
    CHECK(handle != nullptr);
    g_users.push_back(reinterpret_cast<int (*)()>(dlsym(handle, "plugin_tls")));
    CHECK(g_users.back() != nullptr);
  }
  g_loaded = true;
  for (std::thread& thread : threads) thread.join();
  DumpBySignal();
  Dump();
  Finish();
}
