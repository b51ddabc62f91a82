// SPDX-License-Identifier: Apache-2.0
// What the terminal on standard output can show.
//
// Thread-safety: functions without state of their own; they read the environment.
#ifndef HEAPPROF_TOOLS_BASE_TERMINAL_H_
#define HEAPPROF_TOOLS_BASE_TERMINAL_H_

#include <cstddef>
#include <string>

namespace heapprof::tools {

// COLUMNS, else the terminal's width, else 100: files and pipes have no width of their own.
size_t OutputColumns();

// Whether the locale says that text is UTF-8.
bool ShowsUnicode();

// A bar of `share` (0 to 1) of `columns`, filled up with blanks; eighths of a column where there is Unicode.
std::string Bar(double share, size_t columns);

// How many columns UTF-8 text takes, a character one.
size_t ColumnsOf(const std::string& text);

// `text` on several lines where one is not enough, broken at blanks; the next ones are indented by two.
std::string Wrapped(const std::string& text, size_t columns);

// `text` with blanks in front, to `columns`.
std::string AlignRight(const std::string& text, size_t columns);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_TERMINAL_H_
