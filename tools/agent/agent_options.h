// SPDX-License-Identifier: Apache-2.0
// What `heapprof agent` is told, and what it counts.
#ifndef HEAPPROF_TOOLS_AGENT_AGENT_OPTIONS_H_
#define HEAPPROF_TOOLS_AGENT_AGENT_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/send/spool.h"
#include "tools/send/target.h"

namespace heapprof::tools::agent {

struct AgentOptions {
  std::vector<std::string> to;  // targets
  send::TargetOptions target;
  send::SpoolLimits spool;
  std::string folder;  // of the spool and of names that were found; "": all in memory
  std::string listen;  // of its own server; "": none
  double interval = 15, scan = 10, cpu_seconds = 10;
  bool heap = true, cpu = true, block = true, mutex = true;
  bool signals = true;        // processes without a server are asked by their dump signal
  std::string match;          // an expression for the program's path or its arguments
  std::vector<int64_t> pids;  // none: all
  std::vector<std::string> labels;
  std::vector<std::string> debug_paths;
  bool debuginfod = false;
  size_t rounds = 0;  // of each process; 0: no end
  bool verbose = false;
};

struct AgentFigures {
  uint64_t scans = 0, rounds = 0, failed_rounds = 0;
  uint64_t profiles = 0, profile_bytes = 0, empty = 0, unreadable = 0;
  uint64_t requests = 0, failed_requests = 0, signals = 0;
  uint64_t begun = 0, ended = 0;  // processes
};

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_AGENT_OPTIONS_H_
