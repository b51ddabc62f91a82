// SPDX-License-Identifier: Apache-2.0
// `heapprof run`: runs a program with the library preloaded.
#ifndef HEAPPROF_TOOLS_PROCESS_RUN_H_
#define HEAPPROF_TOOLS_PROCESS_RUN_H_

#include <functional>
#include <string>
#include <vector>

#include "tools/process/options_text.h"
#include "tools/profile/profile.h"

namespace heapprof::tools {

struct RunRequest {
  std::string library;               // empty: found by FindLibrary
  std::vector<OptionPair> options;   // stand over HEAPPROF_OPTIONS
  std::vector<std::string> program;  // its name and its arguments
  bool must_preload = false;         // a program that would run without the library is not run
  bool symbolize = true;
  bool in_this_folder = true;  // where the options do not say where the profiles go
  // What is told of each profile in the end, behind its name; nothing where there is no function.
  std::function<std::string(Profile)> summarize;
};

// Runs the program as a child, symbolizes the profiles that it and its descendants wrote, and ends as it
// ended. One line on stderr tells of each profile, and one of what was asked for and is not there. Without
// `symbolize` this process becomes the program. Does not return. Errors: Failure with status
// 127 (no such program), 126 (it cannot be executed), or 2.
[[noreturn]] void Run(const RunRequest& request);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_RUN_H_
