// SPDX-License-Identifier: Apache-2.0
// A profile that a command takes from a file, or asks a running process for.
#ifndef HEAPPROF_TOOLS_DUMP_ASKED_PROFILE_H_
#define HEAPPROF_TOOLS_DUMP_ASKED_PROFILE_H_

#include <string>

#include "tools/dump/dump.h"
#include "tools/profile/load.h"
#include "tools/profile/profile.h"

namespace heapprof::tools {

struct AskedProfile {
  std::string what;  // a process id, or a file, of which "-" is standard input
  DumpRequest dump;  // `profile` is which; the process is `what`'s
  LoadOptions load;
  bool keep = false;  // leaves the file that the process has written, and says its name
};

// Loads it; `file` is the name of the file that it was read from. Errors: Failure.
Profile LoadAskedProfile(AskedProfile asked, std::string* file);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_DUMP_ASKED_PROFILE_H_
