// SPDX-License-Identifier: Apache-2.0
// `heapprof check`: runs a program, and looks for leaks when it ends.
#ifndef HEAPPROF_TOOLS_PROCESS_CHECK_H_
#define HEAPPROF_TOOLS_PROCESS_CHECK_H_

#include <string>
#include <vector>

#include "tools/command/command.h"
#include "tools/process/run.h"

namespace heapprof::tools {

struct CheckRequest {
  std::string suppressions, log, exitcode, output, children;
  bool live = false;
  RunRequest run;  // `options`: further ones of the library
};

Command AddCheck(Command app, CheckRequest* request);

// Becomes the program; its status is exitcode if there are leaks. Errors: Failure: as Run has them; a program
// that the library cannot be preloaded into is not run at all, as it would pass unchecked.
[[noreturn]] void Check(CheckRequest request);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_CHECK_H_
