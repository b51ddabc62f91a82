// SPDX-License-Identifier: Apache-2.0
// Two profiles of one sample type, line by line: what grew from the one to the other, and how surely.
//
// Stacks are matched by the names of their functions, and by module and offset where there are no names, so
// that processes that were loaded at different addresses have stacks in common. Of two dumps of one process
// only what was allocated and freed in between is uncertain; of two processes both counts are. The comments
// `pid` and `start-time` of our profiles tell which it is. Thread-safety: values. Errors: Failure for
// profiles whose types do not fit.
#ifndef HEAPPROF_TOOLS_REPORT_DIFF_H_
#define HEAPPROF_TOOLS_REPORT_DIFF_H_

#include <string>
#include <vector>

#include "tools/estimate/growth.h"
#include "tools/profile/frames.h"
#include "tools/report/table.h"
#include "tools/report/view.h"

namespace heapprof::tools {

// A function, and where others have its name the place that tells it from them: its source file, with the
// line where both profiles are of the same binaries, or its module.
struct DiffFrame {
  std::string name, place;
  std::string Text() const { return name + Suffix(place); }
  // " (/src/a.c)", " [libfoo.so]"
  static std::string Suffix(const std::string& place) {
    return place.empty() ? "" : place[0] == '[' ? " " + place : " (" + place + ")";
  }
};

struct DiffLine {
  std::vector<DiffFrame> frames;  // one function, or a stack, the leaf first; empty: the total
  Sum base = 0, now = 0;
  Sum flat_base = 0, flat_now = 0;  // of a function: what it asked for itself
  Growth growth;
  double luck = 1, shrink_luck = 1;  // Growth::Luck of both directions
  ConfidenceLimits limits;
  bool grew = false, shrank = false;  // significantly, among all lines
};

struct Diff {
  bool one_process = false;
  bool tells_between = false;  // what came and went in between: both profiles count allocations
  bool sampled = false;
  size_t family = 0;  // k: how many lines were tested together
  DiffLine total;
  // Cumulative. By flat: first those that asked for other amounts themselves. Significant ones, then the
  // largest change.
  std::vector<DiffLine> functions;
  std::vector<DiffLine> stacks;
};

inline constexpr double kDiffLevel = 0.05;  // of all lines together

Diff MakeDiff(const View& base, const View& now, Granularity granularity, Order order,
              double level = kDiffLevel);

struct DiffRequest {
  std::string base, now;
  ViewOptions view;
  Granularity granularity = Granularity::kFunction;
  Order order = Order::kFlat;
  bool json = false;
  bool fail_on_growth = false;
  double least_growth = 0;  // bytes, or the type's unit, that a line must have grown by to fail
  size_t limit = 0;         // lines shown; 0 = all
};

// Prints the difference. Returns kStatusNo when fail_on_growth is set and a line grew.
int RunDiff(const DiffRequest& request);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_DIFF_H_
