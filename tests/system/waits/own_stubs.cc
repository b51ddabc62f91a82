// SPDX-License-Identifier: Apache-2.0
// Takes the address of functions while it is not position-independent: that address is its own stub's, in all
// modules and for look-ups by name.
#include <pthread.h>
#include <stdio.h>

int main() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  int (*volatile unlock)(pthread_mutex_t*) = pthread_mutex_unlock;
  for (int i = 0; i < 2; ++i) {
    if (pthread_mutex_lock(&mutex) != 0 || unlock(&mutex) != 0) return 1;
    if (pthread_mutex_lock(&mutex) != 0 || pthread_mutex_unlock(&mutex) != 0) return 1;
  }
  puts("OK");
}
