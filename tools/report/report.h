// SPDX-License-Identifier: Apache-2.0
// The reports over one profile: `top`, `tree`, `peek`, `folded`, on standard output as text or JSON.
//
// Thread-safety: none is needed. Errors: Failure.
#ifndef HEAPPROF_TOOLS_REPORT_REPORT_H_
#define HEAPPROF_TOOLS_REPORT_REPORT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tools/profile/frames.h"
#include "tools/report/row_names.h"
#include "tools/report/table.h"
#include "tools/report/view.h"

namespace heapprof::tools {

struct ReportRequest {
  std::vector<std::string> files;  // several add up
  ViewOptions view;
  Granularity granularity = Granularity::kFunction;
  bool json = false;
  NameForm names = NameForm::kDisplay;
  Order order = Order::kFlat;  // of `top`
  size_t limit = 0;            // lines of `top` and `tree`, functions of `peek`, stacks of `folded`; 0 = all
  double min_percent = 0;      // branches of `tree` below are left out
  std::string regex;           // of `peek`
};

void Top(const ReportRequest& request);
void Tree(const ReportRequest& request);
void Peek(const ReportRequest& request);
// One line a stack: the frames from the root to the leaf with ';' between them, and the value.
void Folded(const ReportRequest& request);

// Says on stderr why a report shows less than was hoped for: filters that leave nothing, a profile without
// names.
void TellOfView(const View& view, Granularity granularity);

// The line that opens a text report, with the limits of what it shows, and the members that open a JSON one:
// file, sample type, unit, total.
void PrintHeading(const View& view);
std::string JsonHeading(const View& view);

// `"flat": 1`, and where it is an estimate `, "flat_low": 1, "flat_high": 1`.
std::string JsonFigure(const View& view, const char* name, Sum value, const Uncertainty& uncertainty);

// "[1.0 MiB, 2.0 MiB]", "" where nothing is known about the sampling.
std::string LimitsText(const View& view, Sum value, const Uncertainty& uncertainty);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_REPORT_H_
