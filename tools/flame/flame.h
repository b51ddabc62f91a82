// SPDX-License-Identifier: Apache-2.0
// `heapprof flame`: a profile, or the difference of two, as one HTML page that needs nothing else.
#ifndef HEAPPROF_TOOLS_FLAME_FLAME_H_
#define HEAPPROF_TOOLS_FLAME_FLAME_H_

#include <CLI/CLI.hpp>
#include <string>

#include "tools/profile/load.h"

namespace heapprof::tools {

struct FlameRequest {
  std::string file, base;  // "-" is standard input; no base: no difference
  std::string output;      // "-" is standard output; empty: named for the file
  std::string type;        // the sample type that is shown first; empty: the profile's default
  LoadOptions load;
};

// Writes the page, and prints its name. Errors: Failure.
void Flame(const FlameRequest& request);

// The subcommand, which runs when the command line has been parsed.
void AddFlameCommand(CLI::App* app);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_FLAME_FLAME_H_
