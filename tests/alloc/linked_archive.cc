// SPDX-License-Identifier: Apache-2.0
// Linked with libheapprof.a: malloc is the library's, samples are taken, nothing of its insides is in the way
// of the program's own names.
#include <malloc.h>
#include <pthread.h>

#include "tests/system/programs/program.h"

// Names that the library uses inside. In the archive they are local, so these are other functions.
extern "C" int hpje_malloc() { return 1; }
extern "C" int deflate() { return 2; }

int main() {
  CHECK(HasLibrary());
  CHECK(hpje_malloc() == 1 && deflate() == 2);
  CHECK(heapprof_set_sample_interval(1) == 0);
  uint64_t live = Stats().live_samples;
  void* blocks[100];
  for (size_t i = 0; i < 100; ++i) blocks[i] = malloc(i * 100 + 1);
  CHECK(Stats().live_samples == live + 100);
  for (void* block : blocks) free(block);
  CHECK(Stats().live_samples == live);
  pthread_t thread;
  CHECK(pthread_create(
            &thread, nullptr, [](void*) -> void* { return malloc(10); }, nullptr) == 0);
  void* from_thread = nullptr;
  CHECK(pthread_join(thread, &from_thread) == 0);
  CHECK(from_thread != nullptr);
  free(from_thread);
  Finish();
}
