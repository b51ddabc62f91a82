// SPDX-License-Identifier: Apache-2.0
// The screen of `heapprof watch` as lines of text: what stands where in so many rows and columns.
//
// Thread-safety: functions without state; whether there is Unicode they ask the environment.
#ifndef HEAPPROF_TOOLS_WATCH_WATCH_SCREEN_H_
#define HEAPPROF_TOOLS_WATCH_WATCH_SCREEN_H_

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "tools/watch/watch_history.h"

namespace heapprof::tools {

enum class WatchStyle { kPlain, kBold, kDim, kTitle, kCause };

// A part of a line. Of kCause `cause` is the letter that has a colour of its own.
struct WatchPiece {
  std::string text;
  WatchStyle style = WatchStyle::kPlain;
  char cause = 0;
};
using WatchLine = std::vector<WatchPiece>;

struct WatchState {
  std::string process;  // "process 12 (redis-server)"
  std::string note;     // in place of the keys, if there is one: what went wrong, or that it has ended
  double interval = 0;  // seconds
  WatchOrder order = WatchOrder::kGrowth;
};

// `rows` lines of at most `columns` columns. What there is no room for goes in this order: the names
// of the causes, the blank lines, the bar, the curves; the title, the totals and one row of the table stay
// longest. `history` may be empty yet.
std::vector<WatchLine> WatchScreen(const WatchHistory& history, const WatchState& state, size_t rows,
                                   size_t columns);

// The last values of a curve, one in a column, each as high as it is between the lowest that is shown and the
// highest; of `from_zero` between 0 and the highest. Less than a twentieth of the highest is no difference.
std::string Sparkline(const std::deque<double>& values, size_t columns, bool from_zero);

// The line with its colours, where `colours`, and blanks up to `columns`.
std::string WatchLineText(const WatchLine& line, bool colours, size_t columns);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_WATCH_WATCH_SCREEN_H_
