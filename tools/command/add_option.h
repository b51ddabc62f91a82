// SPDX-License-Identifier: Apache-2.0
// Kinds of options that CLI11 has not, or not so.
//
// Thread-safety: none is needed.
#ifndef HEAPPROF_TOOLS_COMMAND_ADD_OPTION_H_
#define HEAPPROF_TOOLS_COMMAND_ADD_OPTION_H_

#include <string>
#include <vector>

#include "tools/command/command.h"

namespace heapprof::tools {

// An option that may be given several times, each time with one word: CLI11 by itself would take the words
// behind it, too.
CommandOption AddRepeatedOption(Command command, const std::string& name, std::vector<std::string>* values,
                                const std::string& text);

// A whole number; CLI11 by itself takes 010 for 8.
CommandOption AddNumberOption(Command command, const std::string& name, size_t* value,
                              const std::string& text);

// --timeout SECONDS: how long a running process is waited for.
CommandOption AddTimeoutOption(Command command, double* seconds,
                               const std::string& text = "Seconds to wait for the process");

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_COMMAND_ADD_OPTION_H_
