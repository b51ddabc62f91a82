// SPDX-License-Identifier: Apache-2.0
// Reads numbers as the kernel writes them.
//
// Thread-safety, signal-safety: pure. Allocates: never.
#ifndef HEAPPROF_BASE_HEX_H_
#define HEAPPROF_BASE_HEX_H_

#include <stdint.h>

namespace heapprof {

// The number in lower-case hex digits at `*at`, which stands behind them then. 0 if there are none.
inline uint64_t ReadHex(const char** at) {
  uint64_t value = 0;
  for (;; ++*at) {
    const char c = **at;
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value * 16 + static_cast<uint64_t>(c - 'a') + 10;
    } else {
      return value;
    }
  }
}

}  // namespace heapprof

#endif  // HEAPPROF_BASE_HEX_H_
