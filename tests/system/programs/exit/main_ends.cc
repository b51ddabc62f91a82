// SPDX-License-Identifier: Apache-2.0
// The main thread ends by pthread_exit; another frees its blocks, allocates, dumps and ends the program. From
// then on /proc/self/maps is empty, and only /proc/thread-self answers.
#include <pthread.h>

#include <atomic>
#include <fstream>
#include <string>

#include "tests/system/programs/churn.h"

namespace {

void* g_blocks[100];
pthread_t g_main_thread;

NOINLINE void* alloc_after_main(size_t size) { return malloc(size); }

void* Last(void*) {
  CHECK(pthread_join(g_main_thread, nullptr) == 0);
  for (void* block : g_blocks) free(block);
  void* kept[50];
  for (void*& block : kept) block = alloc_after_main(5000);
  Churn(3).Steps(1000);
  DumpBySignal();
  for (void* block : kept) free(block);
  Dump();
  Finish();
  exit(0);
}

}  // namespace

int main() {
  g_main_thread = pthread_self();
  for (size_t i = 0; i < 100; ++i) g_blocks[i] = malloc(100 * i + 1);
  pthread_t last;
  CHECK(pthread_create(&last, nullptr, Last, nullptr) == 0);
  pthread_exit(nullptr);
}
