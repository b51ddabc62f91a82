// SPDX-License-Identifier: Apache-2.0
// Where libheapprof.so.0 is, seen from the command.
#ifndef HEAPPROF_TOOLS_PROCESS_LIBRARY_PATH_H_
#define HEAPPROF_TOOLS_PROCESS_LIBRARY_PATH_H_

#include <string>

namespace heapprof::tools {

// The absolute path of the library to preload. `asked` (option --library) is taken if it is not empty;
// otherwise the library next to the command (its folder, installed tree, wherever it was moved; build tree),
// otherwise the one where this command was to be installed. Errors: Failure: none of them is there, or the
// path cannot stand in LD_PRELOAD.
std::string FindLibrary(const std::string& asked);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_LIBRARY_PATH_H_
