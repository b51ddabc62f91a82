// SPDX-License-Identifier: Apache-2.0
// Handlers of fork that allocate, registered before every library's constructors and after them, while
// threads allocate.   atfork_preinit ROUNDS
#include <pthread.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/system/programs/churn.h"

namespace {

std::atomic<bool> g_stop{false};
int g_prepared, g_in_parent, g_in_child;

NOINLINE void Allocate(int* count) {
  void* blocks[20];
  for (size_t i = 0; i < 20; ++i) {
    blocks[i] = malloc(1 + i * 700);
    CHECK(blocks[i] != nullptr);
  }
  for (void* block : blocks) free(block);
  ++*count;
}
void Prepare() { Allocate(&g_prepared); }
void InParent() { Allocate(&g_in_parent); }
void InChild() { Allocate(&g_in_child); }

void Early(int, char**, char**) { CHECK(pthread_atfork(Prepare, InParent, InChild) == 0); }
__attribute__((section(".preinit_array"), used)) void (*const g_early)(int, char**, char**) = Early;

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  CHECK(pthread_atfork(Prepare, InParent, InChild) == 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([i] {
      Churn churn(static_cast<uint64_t>(i));
      while (!g_stop.load()) churn.Steps(100);
    });
  }
  const int rounds = atoi(argv[1]);
  for (int round = 0; round < rounds; ++round) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      CHECK(g_in_child == 2);
      Churn(static_cast<uint64_t>(round)).Steps(100);
      _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  g_stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(g_prepared == 2 * rounds && g_in_parent == 2 * rounds);
  Finish();
}
