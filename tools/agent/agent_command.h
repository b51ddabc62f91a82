// SPDX-License-Identifier: Apache-2.0
// The command line of `heapprof agent`.
#ifndef HEAPPROF_TOOLS_AGENT_AGENT_COMMAND_H_
#define HEAPPROF_TOOLS_AGENT_AGENT_COMMAND_H_

#include "tools/command/command.h"

namespace heapprof::tools {

void AddAgentCommand(Command app);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_AGENT_AGENT_COMMAND_H_
