// SPDX-License-Identifier: Apache-2.0
// `heapprof lifetimes`: how long the blocks of each stack lived, by decades, as a page that fits the
// terminal.
#ifndef HEAPPROF_TOOLS_LIFETIMES_LIFETIMES_H_
#define HEAPPROF_TOOLS_LIFETIMES_LIFETIMES_H_

#include "tools/command/command.h"

namespace heapprof::tools {

void AddLifetimesCommand(Command app);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_LIFETIMES_LIFETIMES_H_
