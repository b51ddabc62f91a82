// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>

#include "tools/symbols/rust_names.h"
#include "tools/symbols/utf8.h"

namespace heapprof::tools {
namespace {

constexpr size_t kHashSize = 17;  // "h" and 16 digits

bool IsHash(std::string_view part) {
  if (part.size() != kHashSize || part[0] != 'h') return false;
  return part.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
}

// What stands between two dollar signs; "" if the scheme has no such word.
std::string Escaped(std::string_view word) {
  constexpr struct {
    std::string_view word, text;
  } kWords[] = {{"SP", "@"}, {"BP", "*"}, {"RF", "&"}, {"LT", "<"},
                {"GT", ">"}, {"LP", "("}, {"RP", ")"}, {"C", ","}};
  for (const auto& known : kWords) {
    if (word == known.word) return std::string(known.text);
  }
  if (word.size() < 2 || word.size() > 7 || word[0] != 'u') return "";
  if (word.find_first_not_of("0123456789abcdef", 1) != std::string_view::npos) return "";
  const auto point = static_cast<uint32_t>(strtoul(std::string(word.substr(1)).c_str(), nullptr, 16));
  std::string text;
  return point >= ' ' && AppendUtf8(point, &text) ? text : "";
}

std::string Plain(std::string_view part) {
  if (part.substr(0, 2) == "_$") part.remove_prefix(1);  // no part begins with a dollar sign
  std::string out;
  while (!part.empty()) {
    if (part[0] == '.') {
      const bool is_path = part.size() > 1 && part[1] == '.';
      out += is_path ? "::" : ".";
      part.remove_prefix(is_path ? 2 : 1);
      continue;
    }
    const size_t end = part[0] == '$' ? part.find('$', 1) : std::string_view::npos;
    const std::string text = end == std::string_view::npos ? "" : Escaped(part.substr(1, end - 1));
    if (!text.empty()) {
      out += text;
      part.remove_prefix(end + 1);
    } else {
      out += part[0];
      part.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace

std::string DemangleLegacyRust(std::string_view symbol) {
  if (symbol.substr(0, 3) != "_ZN") return "";
  symbol.remove_prefix(3);
  std::string out;
  std::string_view last;
  while (!symbol.empty() && symbol[0] >= '1' && symbol[0] <= '9') {
    size_t size = 0;
    while (!symbol.empty() && symbol[0] >= '0' && symbol[0] <= '9') {
      size = size * 10 + static_cast<size_t>(symbol[0] - '0');
      symbol.remove_prefix(1);
      if (size > symbol.size()) return "";
    }
    if (!last.empty()) out += (out.empty() ? "" : "::") + Plain(last);
    last = symbol.substr(0, size);
    symbol.remove_prefix(size);
  }
  return symbol == "E" && IsHash(last) ? out : "";
}

}  // namespace heapprof::tools
