// SPDX-License-Identifier: Apache-2.0
#include "tools/command/values.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "tools/base/failure.h"
#include "tools/base/suggestion.h"

namespace heapprof::tools {
namespace {

constexpr uint64_t kMaxNumber = UINT64_C(1) << 53;  // exact in every reader of JSON, too

bool IsNumber(const std::string& text, uint64_t* number) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *number);
  return !text.empty() && result.ec == std::errc() && result.ptr == end;
}

// "-12", "0.5". The command has no locale, so that the point is one; gcc 10's library has no from_chars for
// it.
bool IsDecimal(const std::string& text, double* number) {
  if (text.empty() || text.find_first_not_of("-.0123456789") != std::string::npos) return false;
  char* end = nullptr;
  *number = strtod(text.c_str(), &end);
  return end == text.c_str() + text.size();
}

std::string Quoted(const std::string& text) { return "'" + Printable(text) + "'"; }

}  // namespace

ValueCheck WholeNumber(uint64_t min, uint64_t max, const std::string& what) {
  return [=](const std::string& text) -> std::string {
    uint64_t number;
    if (IsNumber(text, &number) && number >= min && number <= max) return "";
    return Quoted(text) + " is no " + what + " of " + std::to_string(min) + " to " + std::to_string(max);
  };
}

std::string CheckPid(const std::string& text) {
  constexpr uint64_t kMaxPid = 1 << 22;  // the kernel's
  uint64_t number;
  if (IsNumber(text, &number) && number >= 1 && number <= kMaxPid) return "";
  return Quoted(text) + " is no process id, a number";
}

ValueCheck AnyNumber() {
  return [](const std::string& text) -> std::string {
    uint64_t number;
    return IsNumber(text, &number) && number <= kMaxNumber ? "" : Quoted(text) + " is no whole number";
  };
}

ValueCheck DecimalNumber(double min, double max) {
  return [=](const std::string& text) -> std::string {
    double number;
    if (IsDecimal(text, &number) && number >= min && number <= max) return "";
    char bounds[64];
    std::snprintf(bounds, sizeof bounds, " is no number of %.9g to %.9g", min, max);
    return Quoted(text) + bounds;
  };
}

ValueCheck OneOf(const std::vector<std::string>& words) {
  return [words](const std::string& text) -> std::string {
    if (std::find(words.begin(), words.end(), text) != words.end()) return "";
    std::string all;
    for (const std::string& word : words) {
      all += (all.empty() ? "" : word == words.back() ? " or " : ", ") + word;
    }
    return Quoted(text) + " is not " + all + DidYouMean(text, words);
  };
}

std::string IsPair(const std::string& text) {
  const size_t equals = text.find('=');
  return equals != std::string::npos && equals > 0 ? "" : Quoted(text) + " is not KEY=VALUE";
}

uint64_t ParseNumber(const std::string& text) {
  uint64_t number = 0;
  IsNumber(text, &number);
  return number;
}

}  // namespace heapprof::tools
