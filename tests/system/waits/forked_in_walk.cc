// SPDX-License-Identifier: Apache-2.0
// Children that are forked while another thread has the lock of the loader's list of modules, which nobody
// gives back there: forked_in_walk PLUGIN.
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include <atomic>
#include <initializer_list>
#include <thread>

#include "tests/system/programs/program.h"

namespace {

std::atomic<bool> g_walking{false}, g_over{false};
void* (*g_plugins_lock)();
void* g_real;
const char* g_plugin;

void Walk() {
  dl_iterate_phdr(
      [](dl_phdr_info*, size_t, void*) {
        g_walking.store(true);
        while (!g_over.load()) usleep(1000);
        return 1;
      },
      nullptr);
}

void* Nothing(void* argument) { return argument; }

void SwitchOnAndOff() {
  CHECK(heapprof_set_contention_interval(1000) == 0);
  CHECK(g_plugins_lock() != g_real);
  CHECK(heapprof_set_contention_interval(0) == 0);
  CHECK(g_plugins_lock() == g_real);
  CHECK(heapprof_set_contention_interval(1000) == 0);
  CHECK(g_plugins_lock() != g_real);
}

void InChild() {
  alarm(20);
  SwitchOnAndOff();
  // What looks at modules on the way. The plugin stays loaded: libc does not ask for its lock either.
  void* again = dlopen(g_plugin, RTLD_NOW);
  CHECK(again != nullptr && dlsym(again, "LockInPlugin") != nullptr);
  CHECK(dlclose(again) == 0);
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, Nothing, nullptr) == 0 && pthread_join(thread, nullptr) == 0);
  SwitchOnAndOff();
}

void ForkAndWait(void (*in_child)()) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    in_child();
    _exit(0);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  g_plugin = argv[1];
  void* handle = dlopen(g_plugin, RTLD_NOW);
  CHECK(handle != nullptr);
  g_plugins_lock = reinterpret_cast<void* (*)()>(dlsym(handle, "PluginsLock"));
  g_real = dlsym(RTLD_DEFAULT, "pthread_mutex_lock");
  CHECK(g_plugins_lock != nullptr);
  CHECK(g_plugins_lock() == g_real);
  for (const bool on : {false, true}) {
    CHECK(heapprof_set_contention_interval(on ? 1000 : 0) == 0);
    g_walking.store(false);
    g_over.store(false);
    std::thread walker(Walk);
    while (!g_walking.load()) sched_yield();
    ForkAndWait(InChild);
    // And a child of a child that had one thread then.
    ForkAndWait([] { ForkAndWait(InChild); });
    g_over.store(true);
    walker.join();
  }
  CHECK(heapprof_set_contention_interval(0) == 0);
  CHECK(dlclose(handle) == 0);
  puts("OK");
}
