// SPDX-License-Identifier: Apache-2.0
// Sizes as people write them: digits, and k, m or g (powers of 1024). The options of the library and the
// command line read them alike.
//
// Thread-safety, signal-safety: pure. Allocates: never.
#ifndef HEAPPROF_BASE_SIZE_TEXT_H_
#define HEAPPROF_BASE_SIZE_TEXT_H_

#include <stddef.h>
#include <stdint.h>

#include "base/digits.h"

namespace heapprof {

// -1: it is none.
constexpr int ShiftOfSuffix(char suffix) {
  switch (suffix) {
    case 'k':
    case 'K':
      return 10;
    case 'm':
    case 'M':
      return 20;
    case 'g':
    case 'G':
      return 30;
    default:
      return -1;
  }
}

// Reads the `size` characters at `text`. False: they are no size, or one above `max`.
constexpr bool ReadSize(const char* text, size_t size, uint64_t max, uint64_t* value) {
  uint64_t number = 0;
  const size_t at = ReadDigits(text, size, &number);
  if (at == 0) return false;
  if (at < size) {
    const int shift = ShiftOfSuffix(text[at]);
    if (at + 1 != size || shift < 0 || number > (UINT64_MAX >> shift)) return false;
    number <<= shift;
  }
  if (number > max) return false;
  *value = number;
  return true;
}

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SIZE_TEXT_H_
