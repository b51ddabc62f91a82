// SPDX-License-Identifier: Apache-2.0
// A module that names no versions has conditions of the layout from before glibc 2.3.2, whether the profiles
// of waits are on or not: a pointer to what the first call allocates.
#include <dlfcn.h>
#include <pthread.h>

#include "tests/system/programs/program.h"

int main(int, char** argv) {
  void* module = dlopen(argv[1], RTLD_LAZY);
  CHECK(module != nullptr);
  auto* signal = reinterpret_cast<int (*)(pthread_cond_t*)>(dlsym(module, "SignalUnversioned"));
  CHECK(signal != nullptr);
  CHECK(heapprof_set_contention_interval(1) == 0);
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  CHECK(signal(&condition) == 0);
  void* allocated = nullptr;
  memcpy(&allocated, &condition, sizeof(allocated));
  CHECK(allocated != nullptr);
  free(allocated);
  puts("OK");
}
