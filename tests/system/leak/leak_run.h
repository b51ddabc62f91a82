// SPDX-License-Identifier: Apache-2.0
// Runs a program under a leak check, and reads what the report says.
#ifndef HEAPPROF_TESTS_SYSTEM_LEAK_LEAK_RUN_H_
#define HEAPPROF_TESTS_SYSTEM_LEAK_LEAK_RUN_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/under.h"

namespace heapprof::test {

inline std::string Program(const std::string& name) { return std::string(PROGRAMS_DIR "/") + name; }

// One "Direct leak of", "Indirect leak of" or "Still allocated:" of a report.
struct Leak {
  std::string kind;  // "Direct leak of"
  uint64_t bytes = 0, blocks = 0;
  std::vector<std::string> frames;  // the lines "#0 ..." below it

  bool Has(const std::string& text) const;
};

std::vector<Leak> ParseReport(const std::string& text);

// The leaked bytes and blocks of all.
struct LeakSum {
  uint64_t bytes = 0, blocks = 0;
  bool operator==(const LeakSum& other) const { return bytes == other.bytes && blocks == other.blocks; }
};
LeakSum SumOf(const std::vector<Leak>& leaks);
inline std::ostream& operator<<(std::ostream& out, const LeakSum& sum) {
  return out << sum.bytes << " bytes in " << sum.blocks << " blocks";
}

// A command with the library preloaded, leak_check=unreachable, and `options`; profiles go to `dir`.
Command Checked(const TempDir& dir, const std::vector<std::string>& argv, const std::string& options = "");

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SYSTEM_LEAK_LEAK_RUN_H_
