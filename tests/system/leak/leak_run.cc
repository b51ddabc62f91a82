// SPDX-License-Identifier: Apache-2.0
#include "tests/system/leak/leak_run.h"

#include <sstream>

namespace heapprof::test {

bool Leak::Has(const std::string& text) const {
  for (const std::string& frame : frames) {
    if (frame.find(text) != std::string::npos) return true;
  }
  return false;
}

std::vector<Leak> ParseReport(const std::string& text) {
  std::vector<Leak> leaks;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    for (const char* kind : {"Direct leak of", "Indirect leak of", "Still allocated:"}) {
      if (line.rfind(kind, 0) != 0) continue;
      Leak leak;
      leak.kind = kind;
      EXPECT_EQ(sscanf(line.c_str() + leak.kind.size(),
                       " %lu byte(s) in %lu object(s) allocated from:", &leak.bytes, &leak.blocks),
                2)
          << line;
      leaks.push_back(leak);
    }
    if (!leaks.empty() && line.rfind("    #", 0) == 0) leaks.back().frames.push_back(line);
  }
  return leaks;
}

LeakSum SumOf(const std::vector<Leak>& leaks) {
  LeakSum sum;
  for (const Leak& leak : leaks) {
    if (leak.kind == "Still allocated:") continue;
    sum.bytes += leak.bytes;
    sum.blocks += leak.blocks;
  }
  return sum;
}

Command Checked(const TempDir& dir, const std::vector<std::string>& argv, const std::string& options) {
  Command command = Under(dir, argv, "leak_check=unreachable:" + options);
  command.directory = dir.path();
  return command;
}

}  // namespace heapprof::test
