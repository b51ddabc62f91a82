// SPDX-License-Identifier: Apache-2.0
// A program without a loader: no import slots.
#include <pthread.h>

#include "tests/system/programs/program.h"

int main() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  CHECK(heapprof_set_contention_interval(1) == -ENOTSUP);
  CHECK(heapprof_set_contention_interval(0) == 0 && heapprof_contention_interval() == 0);
  CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
  puts("OK");
}
