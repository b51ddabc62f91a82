// SPDX-License-Identifier: Apache-2.0
#include "tools/base/size_text.h"

#include <algorithm>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

bool IsSize(const std::string& text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  constexpr size_t kMaxDigits = 18;
  if (digits == 0 || digits > kMaxDigits) return false;
  return digits == text.size() ||
         (digits + 1 == text.size() && std::string("kKmMgG").find(text[digits]) != std::string::npos);
}

}  // namespace

std::string CheckSize(const std::string& text) {
  return IsSize(text) ? "" : "'" + Printable(text) + "' is no size (a number, with k, m or g)";
}

uint64_t ParseSize(const std::string& text) {
  const uint64_t number = std::stoull(text);
  switch (text.back()) {
    case 'k':
    case 'K':
      return number << 10;
    case 'm':
    case 'M':
      return number << 20;
    case 'g':
    case 'G':
      return number << 30;
    default:
      return number;
  }
}

}  // namespace heapprof::tools
