// SPDX-License-Identifier: Apache-2.0
// What an agent that was ended leaves to the next one: how far each process had counted.
//
// Without it the next agent would begin anew, and what processes allocate between the two would be told by
// nobody. The file is read once and removed: after a crash there is none. Thread-safety: functions without
// state. Errors: none; a file that is not whole, or not this user's, is none.
#ifndef HEAPPROF_TOOLS_AGENT_STATE_FILE_H_
#define HEAPPROF_TOOLS_AGENT_STATE_FILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "tools/agent/baseline.h"

namespace heapprof::tools::agent {

struct AgentState {
  int64_t stopped_nanos = 0;  // since 1970; 0: there is no state
  // By pid, start in ticks, and the inode of the program: their baselines by kind.
  using Key = std::tuple<int64_t, uint64_t, uint64_t>;
  std::map<Key, std::map<std::string, Baseline>> processes;
};

// Of another boot than `boot_id` there is none.
AgentState TakeState(const std::string& path, const std::string& boot_id);
void WriteState(const std::string& path, const std::string& boot_id, const AgentState& state);
// What the kernel calls this boot.
std::string BootId();

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_STATE_FILE_H_
