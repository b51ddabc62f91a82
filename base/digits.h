// SPDX-License-Identifier: Apache-2.0
// The digits at the beginning of a text, as the readers of sizes and of durations want them.
//
// Thread-safety, signal-safety: pure. Allocates: never.
#ifndef HEAPPROF_BASE_DIGITS_H_
#define HEAPPROF_BASE_DIGITS_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

// Reads decimal digits at the beginning of `text` as a number. Returns how many there are; 0: there are none,
// or the number does not fit.
constexpr size_t ReadDigits(const char* text, size_t size, uint64_t* number) {
  size_t at = 0;
  *number = 0;
  for (; at < size && text[at] >= '0' && text[at] <= '9'; ++at) {
    if (__builtin_mul_overflow(*number, uint64_t{10}, number) ||
        __builtin_add_overflow(*number, static_cast<uint64_t>(text[at] - '0'), number)) {
      return 0;
    }
  }
  return at;
}

}  // namespace heapprof

#endif  // HEAPPROF_BASE_DIGITS_H_
