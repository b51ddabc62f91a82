// SPDX-License-Identifier: Apache-2.0
// Processes that go on when the program of `heapprof run` has ended: daemons. What they write later gets
// names from a helper in the background, which ends with the last of them.
//
// Thread-safety: none is needed.
#ifndef HEAPPROF_TOOLS_PROCESS_RUN_LATER_H_
#define HEAPPROF_TOOLS_PROCESS_RUN_LATER_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace heapprof::tools {

// The processes of this user that started after this one, have the library, and belong to the run: their
// HEAPPROF_RUN is `run`.
std::vector<pid_t> ProcessesOfRun(const std::string& run);

// Starts the helper, in a session of its own and with no descriptor but /dev/null: it calls `look` whenever a
// file got its name in `folder`, until `living` and what they started have ended. Returns its pid, -1: there
// is none.
pid_t FollowInBackground(const std::string& run, const std::string& folder, std::vector<pid_t> living,
                         const std::function<void()>& look);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_RUN_LATER_H_
