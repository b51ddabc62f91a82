// SPDX-License-Identifier: Apache-2.0
// The agent's own pages: figures for Prometheus, and targets for scrapers that find them over HTTP.
//
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_AGENT_METRICS_H_
#define HEAPPROF_TOOLS_AGENT_METRICS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tools/agent/agent_options.h"
#include "tools/agent/names/binary_names.h"
#include "tools/agent/sending.h"
#include "tools/agent/watched.h"

namespace heapprof::tools::agent {

struct AllFigures {
  AgentFigures agent;
  NamingFigures naming;
  size_t files = 0;
  std::vector<Sending::Figures> sending;
  size_t watched = 0, with_server = 0, baseline_bytes = 0;
};

std::string MetricsText(const AllFigures& figures);

// [{"targets": ["127.0.0.1:6060"], "labels": {...}}] of processes that serve at a port.
std::string TargetsText(const std::map<pid_t, std::unique_ptr<Watched>>& watched);

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_METRICS_H_
