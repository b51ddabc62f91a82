// SPDX-License-Identifier: Apache-2.0
// Words of Rust's that its symbols name by letters and numbers.
//
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_SYMBOLS_RUST_WORDS_H_
#define HEAPPROF_TOOLS_SYMBOLS_RUST_WORDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/symbols/utf8.h"

namespace heapprof::tools {

// A type by its letter; "" if none has it.
inline std::string_view BasicType(char tag) {
  constexpr std::string_view kTypes[] = {"i8",    "bool", "char", "f64", "str",  "f32",  "",    "u8", "isize",
                                         "usize", "",     "i32",  "u32", "i128", "u128", "_",   "",   "",
                                         "i16",   "u16",  "()",   "...", "",     "i64",  "u64", "!"};
  static_assert(sizeof(kTypes) / sizeof(kTypes[0]) == 26);
  return tag >= 'a' && tag <= 'z' ? kTypes[tag - 'a'] : "";
}

// A character as a program's text has it, in quotes; "" if there is no such code point.
inline std::string QuotedCharacter(uint32_t point) {
  constexpr struct {
    char character;
    std::string_view text;
  } kEscapes[] = {{'\t', "\\t"}, {'\r', "\\r"}, {'\n', "\\n"}, {'\'', "\\'"}, {'\\', "\\\\"}};
  for (const auto& escape : kEscapes) {
    if (point == static_cast<uint32_t>(escape.character)) return "'" + std::string(escape.text) + "'";
  }
  std::string text;
  if (!AppendUtf8(point, &text)) return "";
  constexpr uint32_t kDelete = 0x7f;
  if (point >= ' ' && point != kDelete) return "'" + text + "'";
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  if (point >= 16) hex += kDigits[point / 16];
  return "'\\u{" + hex + kDigits[point % 16] + "}'";
}

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_RUST_WORDS_H_
