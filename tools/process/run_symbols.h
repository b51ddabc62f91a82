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

// Symbolizes each file that the pattern `output` of the process `pid` or of any other gives, and that was
// written since `start`, in its place, and tells of it. Returns their paths.
std::vector<std::string> SymbolizeOutputs(const std::string& output, pid_t pid, const std::string& program,
                                          timespec start, const Summarize& summarize);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_RUN_SYMBOLS_H_
