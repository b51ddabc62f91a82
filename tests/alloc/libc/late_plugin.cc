// SPDX-License-Identifier: Apache-2.0
// A plug-in that makes threads, in a program that has none.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;

extern "C" {

// The key that the plug-in gets once its threads have run; they are numbered. -1: something went wrong.
int LateKey() {
  constexpr int kThreads = 8;
  pthread_t threads[kThreads];
  for (pthread_t& thread : threads) {
    const auto work = [](void* argument) -> void* {
      for (size_t i = 1; i < 200; ++i) free(malloc(i * 16));
      // Each of them waits for the one before.
      pthread_mutex_lock(&g_mutex);
      usleep(100);
      pthread_mutex_unlock(&g_mutex);
      return argument;
    };
    if (pthread_create(&thread, nullptr, work, threads) != 0) return -1;
  }
  for (pthread_t& thread : threads) {
    void* result = nullptr;
    if (pthread_join(thread, &result) != 0 || result != threads) return -1;
  }
  pthread_key_t key = 0;
  if (pthread_key_create(&key, nullptr) != 0 || pthread_key_delete(key) != 0) return -1;
  return static_cast<int>(key);
}

}  // extern "C"
