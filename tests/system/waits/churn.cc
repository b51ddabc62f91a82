// SPDX-License-Identifier: Apache-2.0
// The profiles of waits are switched on and off while threads lock, load and unload modules, and fork:
// churn PLUGIN SWITCHES.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/system/programs/program.h"

namespace {

std::atomic<bool> g_over{false};
std::atomic<int> g_forks{0}, g_loads{0};
std::mutex g_mutex;
std::condition_variable g_condition;
long g_counter = 0, g_turn = 0;

void Lock() {
  for (long mine = 0; !g_over.load(); ++mine) {
    std::unique_lock<std::mutex> hold(g_mutex);
    ++g_counter;
    if (mine % 8 == 0) {
      ++g_turn;
      g_condition.notify_all();
    } else if (mine % 8 == 4) {
      g_condition.wait_for(hold, std::chrono::microseconds(200));
    }
  }
}

// In the child the slots must be whole, and no lock of ours held by a thread that is not there.
void Fork() {
  while (!g_over.load()) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      std::mutex own;
      own.lock();
      own.unlock();
      CHECK(heapprof_set_contention_interval(1) == 0);
      own.lock();
      own.unlock();
      CHECK(heapprof_set_contention_interval(0) == 0);
      _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    ++g_forks;
  }
}

void Load(const char* plugin) {
  while (!g_over.load()) {
    void* handle = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
    CHECK(handle != nullptr);
    auto* work = reinterpret_cast<int (*)(int)>(dlsym(handle, "LockInPlugin"));
    CHECK(work != nullptr && work(3) == 6);
    CHECK(dlclose(handle) == 0);
    ++g_loads;
  }
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  // A module that is loaded while the profiles are on has the wrappers from its first look-up on.
  CHECK(heapprof_set_contention_interval(1) == 0);
  void* handle = dlopen(argv[1], RTLD_NOW);
  auto* slot = reinterpret_cast<void* (*)()>(dlsym(handle, "PluginsLock"));
  CHECK(slot != nullptr && slot() != dlsym(RTLD_DEFAULT, "pthread_mutex_lock"));
  CHECK(heapprof_set_contention_interval(0) == 0);
  CHECK(slot() == dlsym(RTLD_DEFAULT, "pthread_mutex_lock"));
  CHECK(dlclose(handle) == 0);

  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(Lock);
  threads.emplace_back(Fork);
  threads.emplace_back(Load, argv[1]);
  for (int i = 0, count = atoi(argv[2]); i < count || g_forks < count / 50 || g_loads < count / 10; ++i) {
    CHECK(heapprof_set_contention_interval(i % 2 == 0 ? 1000 : 0) == 0);
  }
  CHECK(heapprof_set_contention_interval(0) == 0);
  g_over.store(true);
  for (std::thread& thread : threads) thread.join();
  CHECK(g_counter > 0);
  puts("OK");
}
