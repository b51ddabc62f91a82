// SPDX-License-Identifier: Apache-2.0
// What the flame graph's page carries of a profile: tools/flame/page/data.js says how it is laid out.
//
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_FLAME_FLAME_DATA_H_
#define HEAPPROF_TOOLS_FLAME_FLAME_DATA_H_

#include <string>
#include <vector>

#include "tools/flame/flame_source.h"
#include "tools/flame/flame_tree.h"
#include "tools/profile/profile.h"

namespace heapprof::tools {

// One of several profiles that are shown one after the other.
struct FlameMoment {
  std::string file;  // as it is shown
  int64_t time_nanos = 0;
  size_t in_tree = 0;  // its number there
};

struct FlameInput {
  const Profile* profile = nullptr;  // that of the last moment
  const Profile* base = nullptr;     // nullptr: no difference
  std::vector<FlameMoment> moments;
  std::string base_file;
  std::vector<size_t> types;  // the sample types that are shown, of `profile`
  size_t default_type = 0;    // an index in `types`
  bool one_process = false;   // both are dumps of one process
  bool unfold = false;        // wrappers are shown at first
  std::string folded;         // what was folded, for people
  std::vector<std::string> notes;
  const FlameSource* source = nullptr;  // nullptr: none
};

// The page's data before it is compressed. `sources` finds the texts of `input.source`.
std::string FlameData(const FlameInput& input, const FlameTree& tree, SourceFiles* sources);

// base64 of the zlib stream of `data`. Its letters cannot end the element that they stand in.
std::string PackData(const std::string& data);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_FLAME_FLAME_DATA_H_
