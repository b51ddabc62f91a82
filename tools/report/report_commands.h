// SPDX-License-Identifier: Apache-2.0
// The subcommands that read profiles, on the command line: `top`, `tree`, `peek`, `folded`.
//
// Thread-safety: none is needed. Errors: what the subcommands throw passes through CLI::App::parse.
#ifndef HEAPPROF_TOOLS_REPORT_REPORT_COMMANDS_H_
#define HEAPPROF_TOOLS_REPORT_REPORT_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "tools/report/view.h"

namespace heapprof::tools {

// The options that all readers of profiles share: --type, --focus, --ignore, --hide, --show, --prune-from,
// --unfold, --tag, --max-size. They are filled in while the command line is parsed.
void AddViewOptions(CLI::App* command, ViewOptions* options);
// --color, of the reports that are read in a terminal.
void AddColourOption(CLI::App* command);
void AddMaxSizeOption(CLI::App* command, LoadOptions* options);

// Each runs when the command line has been parsed, and leaves its exit status in `status`.
void AddReportCommands(CLI::App* app, int* status);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_REPORT_COMMANDS_H_
