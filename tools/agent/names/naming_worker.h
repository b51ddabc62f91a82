// SPDX-License-Identifier: Apache-2.0
// Names for places in a file of somebody else, looked up in a process of its own.
//
// The file may be made to break what reads it, to take all memory, or to take for ever: a child without
// rights reads it, with bounds on its time and memory, and what it held goes with it. It becomes the user
// `nobody` where all may read the file, otherwise the user whose process has mapped it. Thread-safety: none
// is needed. Errors: none; what the child did not tell has no name.
#ifndef HEAPPROF_TOOLS_AGENT_NAMES_NAMING_WORKER_H_
#define HEAPPROF_TOOLS_AGENT_NAMES_NAMING_WORKER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/process/file_rights.h"
#include "tools/symbols/cache/name_cache.h"

namespace heapprof::tools::agent {

struct NamingRequest {
  int file = -1;         // open for reading
  std::string build_id;  // a file with another one has no names; "": any
  FileUser user;         // whose process it is
  std::vector<uint64_t> offsets;
  double seconds = 15;
  std::vector<std::string> debug_paths;
  bool debuginfod = false;
};

struct FoundNames {
  NamesByOffset names;  // an offset without a name has no frames
  NamesByOffset whole;  // of these, what no other file could tell more of
  bool finished = false;
};

FoundNames NameInWorker(const NamingRequest& request);

// What the child writes; what is not whole is left out.
void PackFrames(uint64_t offset, bool whole, const std::vector<SourceFrame>& frames, std::string* bytes);
void UnpackFrames(std::string_view bytes, FoundNames* found);

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_NAMES_NAMING_WORKER_H_
