// SPDX-License-Identifier: Apache-2.0
// Names and lines of code that a program made while it ran, by the dump that it wrote for `perf inject --jit`
// (node --perf-prof, LLVM's and OpenJ9's JITs): jit-PID.dump, which it also maps, so that the path is known.
//
// Of code that lies over other code the later counts. Thread-safety: reading, yes. Errors: none; what is
// damaged ends the reading.
#ifndef HEAPPROF_TOOLS_SYMBOLS_SOURCES_JIT_DUMP_H_
#define HEAPPROF_TOOLS_SYMBOLS_SOURCES_JIT_DUMP_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tools/symbols/sources/perf_map.h"

namespace heapprof::tools {

class JitDump {
 public:
  JitDump() = default;
  // `pid` is that of the process whose code is asked for: a dump of another one is passed over.
  JitDump(std::string_view bytes, pid_t pid);

  bool empty() const { return codes_.empty(); }
  // An empty symbol where nothing is known.
  SourceFrame At(uint64_t address) const;

  // Whether this is the name of such a file.
  static bool IsName(std::string_view path);

 private:
  struct Line {
    std::string file;
    int64_t line;
  };
  void Load(std::string_view record);
  void Move(std::string_view record);
  void ReadLines(std::string_view record);

  PerfMap codes_;
  std::map<uint64_t, Line> lines_;  // by the address from which on it holds
  // Of the code that is loaded next: lines are told before it.
  std::vector<std::pair<uint64_t, Line>> pending_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_SOURCES_JIT_DUMP_H_
