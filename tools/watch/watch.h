// SPDX-License-Identifier: Apache-2.0
// `heapprof watch`: the memory of a running program, live, on the whole terminal.
#ifndef HEAPPROF_TOOLS_WATCH_WATCH_H_
#define HEAPPROF_TOOLS_WATCH_WATCH_H_

namespace CLI {
class App;
}

namespace heapprof::tools {

void AddWatchCommand(CLI::App* app);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_WATCH_WATCH_H_
