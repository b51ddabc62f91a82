// SPDX-License-Identifier: Apache-2.0
// Names of code that a program made while it ran, by the table that it wrote for perf: /tmp/perf-PID.map,
// with lines "START SIZE NAME" (node --perf-basic-prof, Java's agent, LuaJIT, Python 3.12).
//
// Of entries that overlap the last written counts. Thread-safety: reading, yes. Errors: none; lines that are
// none are passed over.
#ifndef HEAPPROF_TOOLS_SYMBOLS_SOURCES_PERF_MAP_H_
#define HEAPPROF_TOOLS_SYMBOLS_SOURCES_PERF_MAP_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "tools/symbols/dwarf_scopes.h"
#include "tools/symbols/sources/living_process.h"

namespace heapprof::tools {

// The content of a file that code which `process` made is told in, and whose owner is trusted: the user, or
// the owner of the process. "" if there is none, or if it is older than the process.
std::string ReadOfProcess(const std::string& path, const LivingProcess& process);

class PerfMap {
 public:
  PerfMap() = default;
  // The table of this process, which must be the user's own or the process' owner's, and not be older than
  // the process.
  explicit PerfMap(const LivingProcess& process);
  explicit PerfMap(std::string_view text) { Read(text); }

  bool empty() const { return codes_.empty(); }
  // What is there already keeps the parts that are not covered.
  void Lay(uint64_t start, uint64_t end, std::string name);
  // Where the code at `address` begins; UINT64_MAX where there is none.
  uint64_t StartOf(uint64_t address) const;
  // Its name as it was given, "" where there is none.
  std::string NameAt(uint64_t address) const;
  // An empty symbol where nothing is known. "JS:*work /srv/a.js:10:3" of node is `work` in /srv/a.js,
  // line 10.
  SourceFrame At(uint64_t address) const;

 private:
  struct Code {
    uint64_t end;
    std::string name;
  };
  void Read(std::string_view text);
  const std::pair<const uint64_t, Code>* Find(uint64_t address) const;

  std::map<uint64_t, Code> codes_;  // by start; they do not overlap
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_SOURCES_PERF_MAP_H_
