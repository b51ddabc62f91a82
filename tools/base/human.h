// SPDX-License-Identifier: Apache-2.0
// Figures for people: "1.5 MiB", "2.25 s", "12345".
//
// Thread-safety: functions without state; the use of colours is set once, before threads start.
#ifndef HEAPPROF_TOOLS_BASE_HUMAN_H_
#define HEAPPROF_TOOLS_BASE_HUMAN_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace heapprof::tools {

// "1.5 MiB" and the like; one digit after the point, exact below 1 KiB.
std::string HumanBytes(double bytes);

// Sums of 64-bit values do not fit 64 bits in a hostile file, and need not in an honest one.
std::string Decimal(__int128 value);

// `unit` as in a profile: bytes and nanoseconds are scaled, all others are printed as they are.
std::string HumanValue(double value, std::string_view unit);

// The same with the unit behind where it is no count and the figure does not show it: "12 handles".
std::string HumanWithUnit(double value, std::string_view unit);

// "1 line", "2 lines"; `many` where the plural is no "s": "branches".
std::string Counted(size_t count, const std::string& one, const std::string& many = "");

// "12.34%", "0%" exactly for nothing.
std::string Percent(double part, double whole);

enum class ColourUse { kAuto, kAlways, kNever };
// Before the first line is written; kAuto until then.
void SetColourUse(ColourUse use);
// With kAuto, true when standard output is a terminal that can show colours, and NO_COLOR is not set.
bool UseColours();

enum class Colour { kBold, kDim, kRed, kGreen };
// `text` in that colour where UseColours().
std::string Coloured(std::string_view text, Colour colour);

// A whole number of the size of a double or more, for JSON.
std::string JsonNumber(double value);
// A string with its quotes. Bytes that are no UTF-8 become U+FFFD.
std::string JsonString(std::string_view text);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_HUMAN_H_
