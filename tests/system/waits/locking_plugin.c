// SPDX-License-Identifier: Apache-2.0
// A module that locks.
#include <pthread.h>

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;

__attribute__((visibility("default"))) int LockInPlugin(int value) {
  pthread_mutex_lock(&g_mutex);
  value *= 2;
  pthread_mutex_unlock(&g_mutex);
  return value;
}

// What a call of pthread_mutex_lock leads to in here.
__attribute__((visibility("default"))) void* PluginsLock(void) {
  int (*volatile lock)(pthread_mutex_t*) = pthread_mutex_lock;
  return (void*)lock;
}
