// SPDX-License-Identifier: Apache-2.0
#include "tools/base/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace heapprof::tools {
namespace {

constexpr size_t kDefaultColumns = 100, kMinColumns = 40, kMaxColumns = 10'000;

size_t Bounded(unsigned long columns) {
  return std::min<size_t>(std::max<size_t>(columns, kMinColumns), kMaxColumns);
}

}  // namespace

size_t OutputColumns() {
  const char* told = getenv("COLUMNS");
  const unsigned long columns = told == nullptr ? 0 : std::strtoul(told, nullptr, 10);
  if (columns > 0) return Bounded(columns);
  struct winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return Bounded(size.ws_col);
  return kDefaultColumns;
}

bool ShowsUnicode() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    return locale.find("UTF-8") != std::string_view::npos || locale.find("utf8") != std::string_view::npos;
  }
  return false;
}

std::string Bar(double share, size_t columns) {
  constexpr int kParts = 8;
  static constexpr std::array<const char*, kParts> kPart = {"",       "\u258f", "\u258e", "\u258d",
                                                            "\u258c", "\u258b", "\u258a", "\u2589"};
  share = std::isfinite(share) ? std::min(std::max(share, 0.0), 1.0) : 0;
  const auto width = static_cast<double>(columns);
  std::string bar;
  size_t used = 0;
  if (ShowsUnicode()) {
    const auto eighths = static_cast<size_t>(std::lround(share * width * kParts));
    for (; used < eighths / kParts; ++used) bar += "\u2588";
    if (eighths % kParts != 0) bar += kPart[eighths % kParts], ++used;
  } else {
    used = static_cast<size_t>(std::lround(share * width));
    bar.assign(used, '#');
  }
  return bar + std::string(columns - used, ' ');
}

size_t ColumnsOf(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;  // not the rest of a character
  }));
}

std::string Wrapped(const std::string& text, size_t columns) {
  std::string out;
  size_t used = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at + 1), text.size());  // the blank goes with its word
    std::string word = text.substr(at, end - at);
    if (used > 2 && used + ColumnsOf(word) > columns) {
      out += "\n ";
      used = 1;
    }
    used += ColumnsOf(word);
    out += word;
    at = end;
  }
  return out;
}

std::string AlignRight(const std::string& text, size_t columns) {
  const size_t used = ColumnsOf(text);
  return used >= columns ? text : std::string(columns - used, ' ') + text;
}

}  // namespace heapprof::tools
