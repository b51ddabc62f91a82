// SPDX-License-Identifier: Apache-2.0
// `heapprof info`: what a profile holds, in a page of text.
#ifndef HEAPPROF_TOOLS_REPORT_INFO_H_
#define HEAPPROF_TOOLS_REPORT_INFO_H_

#include <cstdint>
#include <string>
#include <vector>

namespace heapprof::tools {

struct InfoRequest {
  std::vector<std::string> files;  // "-" is standard input
  uint64_t max_bytes = 0;          // the bound on the inflated size
  size_t limit = 0;                // of mappings that are shown; 0 = all
};

// Prints every file that can be read, and a line on stderr for each that cannot. Returns the exit status.
int Info(const InfoRequest& request);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_INFO_H_
