// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/watched.h"

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
