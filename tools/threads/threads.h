// SPDX-License-Identifier: Apache-2.0
// `heapprof threads`: where the threads of a running program are, or were when a file was written.
#ifndef HEAPPROF_TOOLS_THREADS_THREADS_H_
#define HEAPPROF_TOOLS_THREADS_THREADS_H_

#include "tools/command/command.h"

namespace heapprof::tools {

void AddThreadsCommand(Command app);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_THREADS_THREADS_H_
