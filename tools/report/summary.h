// SPDX-License-Identifier: Apache-2.0
// A profile in one line: its total and the function with the largest part.
#ifndef HEAPPROF_TOOLS_REPORT_SUMMARY_H_
#define HEAPPROF_TOOLS_REPORT_SUMMARY_H_

#include <string>

#include "tools/profile/profile.h"

namespace heapprof::tools {

// "inuse_space 1.5 MiB, most in ParseFile (1.1 MiB)", of the profile's default sample type. Errors: Failure.
std::string Summary(Profile profile);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_SUMMARY_H_
