// SPDX-License-Identifier: Apache-2.0
#include "tools/send/rules/names.h"

#include <cctype>

#include "tools/base/failure.h"

namespace heapprof::tools::send {
namespace {

constexpr size_t kMaxName = 128;

// One '_' for a character, however many bytes it has.
std::string Mapped(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) == 0x80) continue;
    name += byte < 0x80 && (isalnum(byte) != 0 || c == '_') ? c : '_';
  }
  return name.substr(0, kMaxName);
}

}  // namespace

std::string TypeName(std::string_view text) {
  const std::string name = Mapped(text);
  return name.empty() ? "value" : name;
}

std::string LabelName(std::string_view text) {
  std::string name = Mapped(text);
  if (name.empty()) return "_";
  if (isdigit(static_cast<unsigned char>(name[0]))) name.insert(0, "_");
  if (name.rfind("__", 0) == 0) name.insert(0, "label");
  return name.substr(0, kMaxName);
}

std::string LabelText(std::string_view text, size_t max_bytes) {
  std::string value = WellFormed(text);
  for (char& c : value) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  }
  if (value.size() <= max_bytes) return value;
  size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xc0) == 0x80) --end;
  value.resize(end);
  return value;
}

std::string UniqueNames::Add(const std::string& name) {
  const auto [first, is_new] = names_.emplace(name, 2);
  if (is_new) return name;
  for (;;) {
    std::string unique = name + "_" + std::to_string(first->second++);
    if (names_.emplace(unique, 2).second) return unique;
  }
}

}  // namespace heapprof::tools::send
