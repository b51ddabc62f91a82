// SPDX-License-Identifier: Apache-2.0
// `heapprof symbolize`: names, files, lines and inlined functions for the addresses of a profile.
//
// Thread-safety: none is needed. Errors: Failure; a file that cannot be used is told in one line, and its
// locations stay as they are.
#ifndef HEAPPROF_TOOLS_SYMBOLS_SYMBOLIZE_H_
#define HEAPPROF_TOOLS_SYMBOLS_SYMBOLIZE_H_

#include <string>
#include <vector>

#include "tools/profile/load.h"
#include "tools/profile/profile.h"

namespace heapprof::tools {

struct SymbolizeOptions {
  std::vector<std::string> debug_paths;
  bool quiet = false;  // say nothing of files that cannot be used
};

struct SymbolizeResult {
  size_t locations = 0;  // that had no lines
  size_t resolved = 0;   // of these
};

// Locations that have lines keep them.
SymbolizeResult Symbolize(Profile* profile, const SymbolizeOptions& options);

struct SymbolizeRequest {
  std::string in, out;  // "-" is standard input or output
  LoadOptions load;
  SymbolizeOptions options;
};

void SymbolizeFile(const SymbolizeRequest& request);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_SYMBOLIZE_H_
