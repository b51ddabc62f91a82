// SPDX-License-Identifier: Apache-2.0
// Locks and unlocks a mutex that nobody else has, lock_pairs N times.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;

int main(int argc, char** argv) {
  long count = argc > 1 ? atol(argv[1]) : 0;
  for (long i = 0; i < count; ++i) {
    pthread_mutex_lock(&g_mutex);
    pthread_mutex_unlock(&g_mutex);
  }
  puts("OK");
  return 0;
}
