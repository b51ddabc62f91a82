// SPDX-License-Identifier: Apache-2.0
// `heapprof watch`: the memory of a running program, live, on the whole terminal.
#ifndef HEAPPROF_TOOLS_WATCH_WATCH_H_
#define HEAPPROF_TOOLS_WATCH_WATCH_H_

#include "tools/command/command.h"

namespace heapprof::tools {

void AddWatchCommand(Command app);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_WATCH_WATCH_H_
