// SPDX-License-Identifier: Apache-2.0
// jemalloc's statistics, for the functions by which glibc's and gperftools' allocators tell of themselves.
//
// Thread-safety: yes. Signal-safety: no, they take jemalloc's locks. Allocates: never.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "alloc/backend/backend.h"

namespace heapprof {

// What the control `name`, a size_t, says; 0: there is none.
inline size_t ReadStatistic(const char* name) {
  size_t value = 0;
  size_t size = sizeof(value);
  return hpje_mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

// Until this is called, statistics are what they were the last time.
inline void RefreshStatistics() {
  uint64_t epoch = 1;
  hpje_mallctl("epoch", nullptr, nullptr, &epoch, sizeof(epoch));
}

}  // namespace heapprof
