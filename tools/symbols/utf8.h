// SPDX-License-Identifier: Apache-2.0
// Code points as UTF-8.
//
// Thread-safety: a function without state.
#ifndef HEAPPROF_TOOLS_SYMBOLS_UTF8_H_
#define HEAPPROF_TOOLS_SYMBOLS_UTF8_H_

#include <cstdint>
#include <string>

namespace heapprof::tools {

// False: there is no such code point, and nothing is appended.
inline bool AppendUtf8(uint32_t point, std::string* out) {
  if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
  if (point < 0x80) {
    *out += static_cast<char>(point);
    return true;
  }
  const int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  // The first byte tells in its high bits how many follow.
  *out += static_cast<char>((0xf00 >> (more + 1) & 0xff) | point >> (6 * more));
  for (int i = more - 1; i >= 0; --i) *out += static_cast<char>(0x80 | (point >> (6 * i) & 0x3f));
  return true;
}

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_UTF8_H_
