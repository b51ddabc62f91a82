// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/watched.h"

#include <algorithm>

namespace heapprof::tools::agent {

const char* NameOf(Page page) {
  switch (page) {
    case Page::kOptions:
      return "options";
    case Page::kHeap:
      return "heap";
    case Page::kBlock:
      return "block";
    case Page::kMutex:
      return "mutex";
    case Page::kCpu:
      return "cpu";
  }
  return "";
}

std::vector<Watched*> InTurn(const std::map<pid_t, std::unique_ptr<Watched>>& all) {
  std::vector<Watched*> waiting;
  for (const auto& [pid, watched] : all) {
    if (!watched->quick && !watched->pages.empty()) waiting.push_back(watched.get());
  }
  std::stable_sort(waiting.begin(), waiting.end(),
                   [](const Watched* a, const Watched* b) { return a->waits_since < b->waits_since; });
  return waiting;
}

void LimitBaselines(size_t max_bytes, const std::map<pid_t, std::unique_ptr<Watched>>& all) {
  for (;;) {
    size_t bytes = 0;
    Watched* most = nullptr;
    Baseline* largest = nullptr;
    for (const auto& [pid, watched] : all) {
      for (auto& [kind, baseline] : watched->baselines) {
        bytes += baseline.bytes();
        if (largest != nullptr && baseline.bytes() <= largest->bytes()) continue;
        most = watched.get();
        largest = &baseline;
      }
    }
    if (bytes <= max_bytes) return;
    *largest = {};
    most->since_nanos = 0;
  }
}

bool RecordsWaits(const std::string& options) {
  const std::string key = "contention_interval=";
  for (size_t at = 0; at < options.size();) {
    const size_t end = std::min(options.find('\n', at), options.size());
    if (options.compare(at, key.size(), key) == 0)
      return options.substr(at + key.size(), end - at - key.size()) != "0";
    at = end + 1;
  }
  return false;
}

}  // namespace heapprof::tools::agent
