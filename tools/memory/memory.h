// SPDX-License-Identifier: Apache-2.0
// `heapprof memory`: where the memory of a running program is, or was when a file was written.
#ifndef HEAPPROF_TOOLS_MEMORY_MEMORY_H_
#define HEAPPROF_TOOLS_MEMORY_MEMORY_H_

#include "tools/command/command.h"

namespace heapprof::tools {

void AddMemoryCommand(Command app);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_MEMORY_MEMORY_H_
