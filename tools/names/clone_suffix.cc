// SPDX-License-Identifier: Apache-2.0
// What compilers append to the names of parts and copies of a function.
#include <algorithm>
#include <array>

#include "tools/names/display_name.h"

namespace heapprof::tools {
namespace {

// "foo" of "foo.part.0" and "foo.isra.0.cold", which are a C function's; what else has dots stays.
std::string_view WithoutParts(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kMarks = {".part.", ".isra.", ".constprop.", ".cold",
                                                             ".llvm."};
  size_t end = name.size();
  for (const std::string_view mark : kMarks) {
    const size_t at = name.find(mark);
    if (at == std::string_view::npos || at == 0) continue;
    const bool is_last = at + mark.size() == name.size();
    const bool has_number = at + mark.size() < name.size() && name[at + mark.size()] >= '0' &&
                            name[at + mark.size()] <= '9' && mark.back() == '.';
    if (is_last ? mark.back() != '.' : has_number) end = std::min(end, at);
  }
  return name.substr(0, end);
}

// The same of a name that was demangled: "foo(int)" of "foo(int) (.part.0.cold)".
std::string_view WithoutMarks(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kMarks = {"part", "isra", "constprop", "cold", "llvm"};
  while (true) {
    const size_t at = name.rfind(" (.");
    if (at == std::string_view::npos || name.back() != ')') return name;
    std::string_view mark = name.substr(at + 3);
    mark = mark.substr(0, mark.find_first_of(".)"));
    if (std::find(kMarks.begin(), kMarks.end(), mark) == kMarks.end()) return name;
    name = name.substr(0, at);
  }
}

}  // namespace

std::string_view WithoutCloneSuffix(std::string_view whole) {
  if (whole.find('.') == std::string_view::npos) return whole;
  return whole.back() == ')' ? WithoutMarks(whole) : WithoutParts(whole);
}

}  // namespace heapprof::tools
