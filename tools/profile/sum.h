// SPDX-License-Identifier: Apache-2.0
// The sum of the profiles of a fleet: `heapprof merge`, and what stands under every report of several files.
//
// Two passes: a survey, then one profile after the other into the sum, so that memory is that of the sum and
// one profile. Of several dumps of one process the newest stands for all, as each tells of all that was
// allocated since the start, and of what is in use at its moment. A file that cannot be summed is told of in
// a line, is left out, and makes the command end with status 2. Thread-safety: functions without state but
// for that status. Errors: Failure, when nothing is left to sum.
#ifndef HEAPPROF_TOOLS_PROFILE_SUM_H_
#define HEAPPROF_TOOLS_PROFILE_SUM_H_

#include <string>
#include <vector>

#include "tools/profile/load.h"
#include "tools/profile/profile.h"

namespace heapprof::tools {

struct NamedProfileSum {
  std::string name;  // for headings and messages
  Profile profile;
};

// What InputFiles(words) are, each loaded with `load`; one alone is itself. Of more than kNamedOneByOne names
// are put to the sum (LoadOptions::prepare).
NamedProfileSum LoadSum(const std::vector<std::string>& words, const LoadOptions& load);

// A process that lives knows best what it has in memory; of a fleet it is not here.
inline constexpr size_t kNamedOneByOne = 16;

struct MergeRequest {
  std::vector<std::string> files;
  std::string out;
  LoadOptions load;
};

void Merge(const MergeRequest& request);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_SUM_H_
