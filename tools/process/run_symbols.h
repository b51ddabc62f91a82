// SPDX-License-Identifier: Apache-2.0
// Names for the profiles that a program and its descendants wrote.
//
// Thread-safety: none is needed. Errors: none; a file that cannot be symbolized is told in one line, and
// stays.
#ifndef HEAPPROF_TOOLS_PROCESS_RUN_SYMBOLS_H_
#define HEAPPROF_TOOLS_PROCESS_RUN_SYMBOLS_H_

#include <sys/types.h>

#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools {

// What is told of a profile behind its name.
using Summarize = std::function<std::string(Profile)>;

// The files of a run: those that its pattern gives, for its program or for any that this started.
struct RunOutputs {
  std::string run;     // what HEAPPROF_RUN is in them all; their profiles say it
  std::string output;  // the pattern
  pid_t pid = 0;       // of the program
  std::string program;
};

// Symbolizes each file of the run that was written since `start`, in its place, and tells of it. Those of
// other runs in the same folder are left alone. Returns their paths.
std::vector<std::string> SymbolizeOutputs(const RunOutputs& outputs, timespec start,
                                          const Summarize& summarize);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_RUN_SYMBOLS_H_
