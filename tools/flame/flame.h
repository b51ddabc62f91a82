// SPDX-License-Identifier: Apache-2.0
// `heapprof flame`: a profile, the difference of two, or several moments, as one HTML page that needs nothing
// else.
#ifndef HEAPPROF_TOOLS_FLAME_FLAME_H_
#define HEAPPROF_TOOLS_FLAME_FLAME_H_

#include <string>
#include <vector>

#include "tools/command/command.h"
#include "tools/flame/flame_source.h"
#include "tools/report/view.h"

namespace heapprof::tools {

struct FlameRequest {
  std::vector<std::string> files;  // "-" is standard input; several are moments
  bool sum = false;                // or they add up
  std::string base;                // no base: no difference
  std::string output;              // "-" is standard output; empty: named for the file
  ViewOptions view;                // its type is shown first, empty: the profile's default
  FlameSourceOptions source;
};

// Writes the page, and prints its name. Errors: Failure.
void Flame(const FlameRequest& request);

// The subcommand, which runs when the command line has been parsed.
void AddFlameCommand(Command app);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_FLAME_FLAME_H_
