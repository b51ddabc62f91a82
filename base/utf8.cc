// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

namespace heapprof {
namespace {

// The length of the sequence that begins at `at`, which has `left` bytes; 0: none does.
size_t SequenceLength(const uint8_t* at, size_t left) {
  uint8_t first = at[0];
  if (first < 0x80) return 1;
  size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length == 0 || length > left) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at[i] & 0xc0) != 0x80) return 0;
  }
  bool overlong = (first == 0xe0 && at[1] < 0xa0) || (first == 0xf0 && at[1] < 0x90);
  bool surrogate = first == 0xed && at[1] >= 0xa0;
  bool beyond = first == 0xf4 && at[1] >= 0x90;
  return overlong || surrogate || beyond ? 0 : length;
}

}  // namespace

size_t Utf8Prefix(const char* text, size_t size) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text);
  size_t at = 0;
  while (at < size) {
    size_t length = SequenceLength(bytes + at, size - at);
    if (length == 0) break;
    at += length;
  }
  return at;
}

bool IsUtf8(const char* text) {
  size_t size = strlen(text);
  return Utf8Prefix(text, size) == size;
}

}  // namespace heapprof
