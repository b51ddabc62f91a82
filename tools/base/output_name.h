// SPDX-License-Identifier: Apache-2.0
// What a file that a command makes of a profile is called, where the user names none.
//
// Thread-safety: a function without state.
#ifndef HEAPPROF_TOOLS_BASE_OUTPUT_NAME_H_
#define HEAPPROF_TOOLS_BASE_OUTPUT_NAME_H_

#include <string>

namespace heapprof::tools {

// "dir/heapprof.7.0001.heap.pb.gz" and ".html" become "heapprof.7.0001.heap.html", in the working directory;
// "-" becomes "profile.html", a folder "dir/" and a list "@dir" become "dir.html",
// an address "clickhouse.html", after its scheme.
std::string OutputName(const std::string& profile, const std::string& ending);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_OUTPUT_NAME_H_
