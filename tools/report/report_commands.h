// SPDX-License-Identifier: Apache-2.0
// The subcommands that read profiles, on the command line: `top`, `tree`, `peek`, `folded`.
//
// Thread-safety: none is needed. Errors: what the subcommands throw passes through CLI::App::parse.
#ifndef HEAPPROF_TOOLS_REPORT_REPORT_COMMANDS_H_
#define HEAPPROF_TOOLS_REPORT_REPORT_COMMANDS_H_

#include <string>
#include <vector>

#include "tools/command/command.h"
#include "tools/report/view.h"

namespace heapprof::tools {

// The options that all readers of profiles share: --type, --focus, --ignore, --hide, --show, --prune-from,
// --unfold, --tag, --max-size. They are filled in while the command line is parsed.
void AddViewOptions(Command command, ViewOptions* options);
// --color, of the reports that are read in a terminal.
void AddColourOption(Command command);
void AddMaxSizeOption(Command command, LoadOptions* options);
// --keep-duplicates, of what reads several files.
void AddSumOption(Command command, LoadOptions* options);

// Each runs when the command line has been parsed, and leaves its exit status in `status`.
void AddReportCommands(Command app, int* status);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_REPORT_COMMANDS_H_
