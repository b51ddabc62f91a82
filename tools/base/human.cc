// SPDX-License-Identifier: Apache-2.0
#include "tools/base/human.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string HumanNanoseconds(double value) {
  const double size = std::fabs(value);
  if (size >= 1e9) return Format("%.2f s", value / 1e9);
  if (size >= 1e6) return Format("%.2f ms", value / 1e6);
  if (size >= 1e3) return Format("%.2f us", value / 1e3);
  return Format("%.0f ns", value);
}

}  // namespace

std::string HumanBytes(double bytes) {
  static constexpr std::array<const char*, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  size_t unit = 0;
  // 1023.95 and above would print as 1024.0 of the smaller unit.
  while (std::fabs(bytes) >= (unit == 0 ? 1024 : 1023.95) && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  char text[48];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
  return text;
}

std::string Decimal(__int128 value) {
  const bool negative = value < 0;
  auto left = static_cast<unsigned __int128>(value);
  if (negative) left = -left;
  std::string digits;
  do {
    digits += static_cast<char>('0' + static_cast<int>(left % 10));
    left /= 10;
  } while (left != 0);
  if (negative) digits += '-';
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string HumanValue(double value, std::string_view unit) {
  if (unit == "bytes") return HumanBytes(value);
  if (unit == "nanoseconds") return HumanNanoseconds(value);
  return Format("%.0f", value);
}

std::string HumanWithUnit(double value, std::string_view unit) {
  const bool shown = unit.empty() || unit == "count" || unit == "bytes" || unit == "nanoseconds";
  return HumanValue(value, unit) + (shown ? "" : " " + Printable(unit));
}

std::string Counted(size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many.empty() ? one + "s" : many);
}

std::string Percent(double part, double whole) {
  if (part == 0 || whole == 0) return "0%";
  return Format("%.2f%%", 100 * part / whole);
}

namespace {

ColourUse g_colour_use = ColourUse::kAuto;

}  // namespace

void SetColourUse(ColourUse use) { g_colour_use = use; }

bool UseColours() {
  if (g_colour_use != ColourUse::kAuto) return g_colour_use == ColourUse::kAlways;
  static const bool use = [] {
    const char* terminal = getenv("TERM");
    const char* none = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) != 0 && (none == nullptr || *none == '\0') && terminal != nullptr &&
           std::string_view(terminal) != "dumb";
  }();
  return use;
}

std::string Coloured(std::string_view text, Colour colour) {
  if (!UseColours()) return std::string(text);
  const char* code = "";
  switch (colour) {
    case Colour::kBold:
      code = "1";
      break;
    case Colour::kDim:
      code = "2";
      break;
    case Colour::kRed:
      code = "31";
      break;
    case Colour::kGreen:
      code = "32";
      break;
  }
  return std::string("\x1b[") + code + "m" + std::string(text) + "\x1b[0m";
}

std::string JsonNumber(double value) { return Format("%.0f", value); }

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i++];
    } else if (c < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
      ++i;
    } else if (c < 0x80) {
      out += text[i++];
    } else {
      const size_t length = Utf8Length(text, i);
      out += length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(i, length);
      i += length == 0 ? 1 : length;
    }
  }
  return out + '"';
}

}  // namespace heapprof::tools
