// SPDX-License-Identifier: Apache-2.0
#include "tools/base/failure.h"

#include <cstdio>
#include <cstring>

namespace heapprof::tools {

std::string ErrorText(int error) { return std::strerror(error); }

namespace {

bool any_unusable = false;

}  // namespace

void TellOfUnusable(const std::string& line) {
  any_unusable = true;
  Tell(line);
}

bool WasAnyUnusable() { return any_unusable; }

void Tell(const std::string& line) { std::fprintf(stderr, "heapprof: %s\n", line.c_str()); }

namespace {

// Of the well-formed sequence beyond ASCII that starts at `at`; 0: there is none.
size_t SequenceLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto continues = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(at);
  if (first >= 0xc2 && first <= 0xdf && continues(at + 1)) return 2;
  if (first >= 0xe0 && first <= 0xef && continues(at + 1) && continues(at + 2)) {
    const unsigned second = byte(at + 1);
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4 && continues(at + 1) && continues(at + 2) && continues(at + 3)) {
    const unsigned second = byte(at + 1);
    return (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90) ? 0 : 4;
  }
  return 0;
}

}  // namespace

size_t Utf8Length(std::string_view text, size_t at) {
  const bool c1_control =
      text[at] == '\xc2' && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0;
  return c1_control ? 0 : SequenceLength(text, at);
}

std::string WellFormed(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t length = static_cast<unsigned char>(text[i]) < 0x80 ? 1 : SequenceLength(text, i);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      ++i;
      continue;
    }
    out.append(text.substr(i, length));
    i += length;
  }
  return out;
}

std::string Printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t length = c >= 0x20 && c < 0x7f ? 1 : Utf8Length(text, i);
    if (length != 0) {
      out.append(text.substr(i, length));
      i += length;
      continue;
    }
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\x%02x", c);
    out += escape;
    ++i;
  }
  return out;
}

}  // namespace heapprof::tools
