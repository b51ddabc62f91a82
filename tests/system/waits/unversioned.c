// SPDX-License-Identifier: Apache-2.0
// Wakes a condition.
#include <pthread.h>

__attribute__((visibility("default"))) int SignalUnversioned(pthread_cond_t* condition) {
  return pthread_cond_signal(condition);
}
