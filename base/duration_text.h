// SPDX-License-Identifier: Apache-2.0
// Times as people write them: digits and ns, us, ms, s, m or h; digits alone are nanoseconds.
//
// Thread-safety, signal-safety: pure. Allocates: never.
#ifndef HEAPPROF_BASE_DURATION_TEXT_H_
#define HEAPPROF_BASE_DURATION_TEXT_H_

#include <stddef.h>
#include <stdint.h>

#include "base/digits.h"

namespace heapprof {

// Reads the `size` characters at `text` as nanoseconds. False: they are no time, or one above `max`.
constexpr bool ReadDuration(const char* text, size_t size, uint64_t max, uint64_t* nanos) {
  struct Unit {
    const char* name;
    size_t size;
    uint64_t nanos;
  };
  constexpr uint64_t kSecond = 1'000'000'000;
  constexpr Unit kUnits[] = {
      {"", 0, 1},        {"ns", 2, 1},           {"us", 2, 1'000},        {"ms", 2, 1'000'000},
      {"s", 1, kSecond}, {"m", 1, 60 * kSecond}, {"h", 1, 3600 * kSecond}};
  uint64_t number = 0;
  const size_t at = ReadDigits(text, size, &number);
  if (at == 0) return false;
  for (const Unit& unit : kUnits) {
    bool same = size - at == unit.size;
    for (size_t i = 0; same && i < unit.size; ++i) same = text[at + i] == unit.name[i];
    if (!same) continue;
    if (__builtin_mul_overflow(number, unit.nanos, &number) || number > max) return false;
    *nanos = number;
    return true;
  }
  return false;
}

}  // namespace heapprof

#endif  // HEAPPROF_BASE_DURATION_TEXT_H_
