// `heapprof run`: starts a program with the library preloaded.
#ifndef HEAPPROF_TOOLS_RUN_H_
#define HEAPPROF_TOOLS_RUN_H_

#include <string>
#include <vector>

#include "tools/options_text.h"

namespace heapprof::tools {

struct RunRequest {
  std::string library;               // empty: found by FindLibrary
  std::vector<OptionPair> options;   // stand over HEAPPROF_OPTIONS
  std::vector<std::string> program;  // its name and its arguments
  bool must_preload = false;         // a program that would run without the library is not run
};

// Becomes the program, whose exit status is then this process'. Does not return.
// Errors: Failure with status 127 (no such program), 126 (it cannot be executed), or 2.
[[noreturn]] void Run(const RunRequest& request);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_RUN_H_
