// SPDX-License-Identifier: Apache-2.0
// `heapprof growth`: what grew over the last minute, ten minutes, hour and day, by one profile "growth"
// alone.
//
// The profile has what each bucket gained and freed over four windows, and what it has. So it holds two
// dumps of one process for each window, which are compared as `diff` compares them (estimate/growth.h), at a
// stricter level: the question is asked of a healthy process again and again, by machines too. A window that
// reaches back to the start of the process is left out: there everything has grown.
// Thread-safety: values. Errors: Failure for a profile of another kind.
#ifndef HEAPPROF_TOOLS_REPORT_GROWTH_REPORT_H_
#define HEAPPROF_TOOLS_REPORT_GROWTH_REPORT_H_

#include <string>
#include <vector>

#include "tools/report/diff.h"

namespace heapprof::tools {

// Of all windows and lines together: that anything is named though nothing changed.
inline constexpr double kGrowthLevel = 1e-3;

struct GrowthWindow {
  std::string name;  // "1h"
  double seconds = 0;
  bool from_start = false;
  Diff diff;  // empty if from_start
};

// `profile` of a file called `file`, which is for messages.
std::vector<GrowthWindow> FindGrowth(const std::string& file, const Profile& profile,
                                     const ViewOptions& options, Granularity granularity);

struct GrowthRequest {
  std::string file;
  ViewOptions view;
  Granularity granularity = Granularity::kFunction;
  bool json = false;
  bool fail_on_growth = false;
  size_t limit = 0;  // functions and stacks shown of each window; 0 = all
};

// Prints it. Returns kStatusNo when fail_on_growth is set and anything grew.
int RunGrowth(const GrowthRequest& request);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_GROWTH_REPORT_H_
