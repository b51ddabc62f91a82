// SPDX-License-Identifier: Apache-2.0
// `heapprof list REGEX FILE`: source lines with what they hold beside them.
//
// Thread-safety: none is needed. Errors: Failure.
#ifndef HEAPPROF_TOOLS_SOURCE_LIST_H_
#define HEAPPROF_TOOLS_SOURCE_LIST_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tools/command/command.h"
#include "tools/report/view.h"
#include "tools/source/source_files.h"

namespace heapprof::tools {

struct ListRequest {
  std::string regex;
  std::vector<std::string> files;  // several add up
  ViewOptions view;
  SourceOptions source;
  size_t context = 4;  // lines shown around one that holds something
  size_t limit = 0;    // functions; 0 = all
  bool json = false;
};

void List(const ListRequest& request);

// The subcommand, which runs when the command line has been parsed.
void AddListCommand(Command app);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SOURCE_LIST_H_
