// SPDX-License-Identifier: Apache-2.0
// Profiles of addresses in a given file, and the frames that symbolizing gives them.
//
// Thread-safety: functions without state. Allocates: yes; this is code of tests.
#ifndef HEAPPROF_TESTS_TOOLS_SYMBOLS_LOCATED_H_
#define HEAPPROF_TESTS_TOOLS_SYMBOLS_LOCATED_H_

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "profile.pb.h"
#include "tests/support/subprocess.h"

namespace heapprof::test {

struct Frame {
  std::string symbol, file;
  int64_t line = 0;
  bool operator==(const Frame& other) const {
    return symbol == other.symbol && file == other.file && line == other.line;
  }
};
std::ostream& operator<<(std::ostream& out, const Frame& frame);

using Frames = std::vector<Frame>;

// Runs a program to its end.
Result Do(std::vector<std::string> argv);

// Address and size, as linked, of the section .text of `file`.
std::pair<uint64_t, uint64_t> TextOf(const std::string& file);

// Address and size, as linked, of the function `name`, by the symbol table.
std::pair<uint64_t, uint64_t> AddressOf(const std::string& file, const std::string& name);

// In lower-case hex, "" if it has none.
std::string BuildIdOf(const std::string& file);

// A profile with `file`, mapped as `mapped`, and a location for each address, as linked.
pb::Profile Locate(const std::string& file, const std::string& mapped, const std::string& build_id,
                   const std::vector<uint64_t>& addresses);
void WriteLocations(const std::string& path, const std::string& file, const std::string& mapped,
                    const std::string& build_id, const std::vector<uint64_t>& addresses);

// Two samples in the first two locations, the first the leaf.
void AddSamples(pb::Profile* profile);

// What a profile made by Locate has been given, by address as linked; addresses without frames are left out.
std::map<uint64_t, Frames> ReadFrames(const std::string& path);

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_TOOLS_SYMBOLS_LOCATED_H_
