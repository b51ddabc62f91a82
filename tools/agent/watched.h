// SPDX-License-Identifier: Apache-2.0
// One process that is watched: what is known of it, and which of its profiles comes next.
//
// A round, once an interval: whether waits are recorded (a page of a few lines), the heap, and if so the
// profiles of waits, one after the other; the CPU profile beside them, as it takes its seconds. Between
// rounds nothing is asked, and the process does nothing. Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_AGENT_WATCHED_H_
#define HEAPPROF_TOOLS_AGENT_WATCHED_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/agent/baseline.h"
#include "tools/agent/names/binary_names.h"
#include "tools/agent/process/endpoint.h"
#include "tools/agent/process/exchange.h"
#include "tools/agent/process/held_process.h"
#include "tools/agent/process/process_labels.h"
#include "tools/agent/process/signal_look.h"

namespace heapprof::tools::agent {

enum class Page { kOptions, kHeap, kBlock, kMutex, kCpu };

// "heap", ...; "options" for that page.
const char* NameOf(Page page);

struct Running {
  Page page;
  std::unique_ptr<Exchange> exchange;
  int64_t deadline;    // as all times here: nanoseconds of CLOCK_MONOTONIC
  int64_t not_before;  // nothing comes sooner: hundreds of CPU profiles under way are not looked at
  bool ready;          // something has come
};

struct Watched {
  std::unique_ptr<HeldProcess> process;
  ProgramFile program;
  Labels labels;
  std::optional<Endpoint> endpoint;
  ProcessFiles files;
  int64_t since_nanos = 0;  // its start, since 1970, where nothing of it has been told before; 0: unknown
  std::map<std::string, Baseline> baselines;  // by kind

  std::map<std::string, int64_t> taken;  // when the last of a kind came

  int64_t next_round = 0, round_began = 0;
  int64_t waits_since = 0;  // for its turn with the next page
  std::deque<Page> pages;   // that are left of this round
  std::optional<Running> quick, cpu;
  std::unique_ptr<SignalLook> look;
  int64_t look_deadline = 0;
  size_t rounds = 0;
  int failures = 0;         // of rounds, one after the other
  bool waits_seen = false;  // the last round had profiles of waits
  std::string last_error;   // told once
};

// Those with a page to ask for, the one first that has waited longest: who answers slowly, again and again,
// takes the turns of others otherwise.
std::vector<Watched*> InTurn(const std::map<pid_t, std::unique_ptr<Watched>>& all);

// While what is remembered of all has more bytes, the most that is of one process goes: of this one the next
// profile tells only what is in use, and no total twice.
void LimitBaselines(size_t max_bytes, const std::map<pid_t, std::unique_ptr<Watched>>& all);

// Whether the text of the page `options` has waits recorded.
bool RecordsWaits(const std::string& options);

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_WATCHED_H_
