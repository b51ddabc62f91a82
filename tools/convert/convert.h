// SPDX-License-Identifier: Apache-2.0
// `heapprof convert`: a profile in the format of another tool.
//
// Thread-safety: none is needed. Errors: Failure; no half of a file is left.
#ifndef HEAPPROF_TOOLS_CONVERT_CONVERT_H_
#define HEAPPROF_TOOLS_CONVERT_CONVERT_H_

#include <string>
#include <vector>

#include "tools/command/command.h"
#include "tools/report/view.h"

namespace heapprof::tools {

struct ConvertRequest {
  std::vector<std::string> files;  // several add up
  std::string format;              // speedscope, folded, pprof, heapprofile, chrome
  std::string output;              // "-" is standard output; empty: named for the first file
  ViewOptions view;
};

// Writes the file, and prints its name.
void Convert(const ConvertRequest& request);

// The subcommand, which runs when the command line has been parsed.
void AddConvertCommand(Command app);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_CONVERT_CONVERT_H_
