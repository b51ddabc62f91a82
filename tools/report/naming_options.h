// SPDX-License-Identifier: Apache-2.0
// Names for the profiles that a subcommand reads, and the options that say where they come from:
// --no-symbolize, --debug-path, --no-debuginfod.
//
// Thread-safety: none is needed.
#ifndef HEAPPROF_TOOLS_REPORT_NAMING_OPTIONS_H_
#define HEAPPROF_TOOLS_REPORT_NAMING_OPTIONS_H_

#include "tools/command/command.h"
#include "tools/profile/load.h"
#include "tools/symbols/naming/symbolize.h"

namespace heapprof::tools {

// The options that say where names are looked for.
void AddNameSourceOptions(Command command, SymbolizeOptions* options);

// Has the profiles that are loaded with `load` symbolized where they lack names, unless --no-symbolize is
// given.
void AddNamingOptions(Command command, LoadOptions* load);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_NAMING_OPTIONS_H_
