// SPDX-License-Identifier: Apache-2.0
// What the flame graph's page carries of a profile: tools/flame/page/data.js says how it is laid out.
//
// Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_FLAME_FLAME_DATA_H_
#define HEAPPROF_TOOLS_FLAME_FLAME_DATA_H_

#include <string>
#include <vector>

#include "tools/flame/flame_tree.h"
#include "tools/profile/profile.h"

namespace heapprof::tools {

struct FlameInput {
  const Profile* profile = nullptr;
  const Profile* base = nullptr;  // nullptr: no difference
  std::string file, base_file;    // as they are shown
  std::vector<size_t> types;      // the sample types that are shown
  size_t default_type = 0;        // an index in `types`
  bool one_process = false;       // both are dumps of one process
  std::vector<std::string> notes;
};

// The page's data before it is compressed.
std::string FlameData(const FlameInput& input, const FlameTree& tree);

// base64 of the zlib stream of `data`. Its letters cannot end the element that they stand in.
std::string PackData(const std::string& data);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_FLAME_FLAME_DATA_H_
