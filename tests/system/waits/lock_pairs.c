// SPDX-License-Identifier: Apache-2.0
// Locks and unlocks a mutex N times: one thread that nobody disturbs, or some that fight for it: lock_pairs N
// [THREADS].
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/system/programs/program.h"

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
static long g_left;

static void* Fight(void* unused) {
  for (int going = 1; going;) {
    pthread_mutex_lock(&g_mutex);
    going = --g_left > 0;
    pthread_mutex_unlock(&g_mutex);
  }
  return unused;
}

int main(int argc, char** argv) {
  enum { kMost = 8 };
  pthread_t threads[kMost];
  long count = argc > 1 ? atol(argv[1]) : 0;
  int fighters = argc > 2 ? atoi(argv[2]) : 0;
  CHECK(fighters <= kMost);
  g_left = count;
  for (int i = 0; i < fighters; ++i) CHECK(pthread_create(&threads[i], NULL, Fight, NULL) == 0);
  for (int i = 0; i < fighters; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
  for (long i = 0; i < count && fighters == 0; ++i) {
    pthread_mutex_lock(&g_mutex);
    pthread_mutex_unlock(&g_mutex);
  }
  puts("OK");
  return 0;
}
