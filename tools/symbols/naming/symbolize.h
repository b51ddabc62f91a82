// SPDX-License-Identifier: Apache-2.0
// `heapprof symbolize`: names, files, lines and inlined functions for the addresses of a profile.
//
// Thread-safety: none is needed. Errors: Failure; a file that cannot be used is told in one line, and its
// locations stay as they are.
#ifndef HEAPPROF_TOOLS_SYMBOLS_NAMING_SYMBOLIZE_H_
#define HEAPPROF_TOOLS_SYMBOLS_NAMING_SYMBOLIZE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tools/profile/load.h"
#include "tools/profile/profile.h"
#include "tools/symbols/cache/name_cache.h"
#include "tools/symbols/naming/module_names.h"
#include "tools/symbols/sources/debug_files.h"
#include "tools/symbols/sources/living_process.h"

namespace heapprof::tools {

struct SymbolizeOptions {
  std::vector<std::string> debug_paths;
  bool debuginfod = true;  // servers may be asked
  bool quiet = false;      // say nothing of files that cannot be used
  // Takes what is to be said of names that were found and are not whole; if not set it is told, unless quiet.
  std::function<void(const std::string&)> warn;
  // Leave mappings alone in which anything has a name: somebody has looked there already.
  bool only_unnamed = false;
  size_t max_told = SIZE_MAX;  // of files that cannot be used
};

struct SymbolizeResult {
  size_t locations = 0;  // that had no lines
  size_t resolved = 0;   // of these
};

// For one profile after another: a file is opened once, and told of once.
class Symbolizer {
 public:
  explicit Symbolizer(SymbolizeOptions options);
  Symbolizer(const Symbolizer&) = delete;
  Symbolizer& operator=(const Symbolizer&) = delete;
  // Locations that have lines keep them.
  SymbolizeResult Run(Profile* profile);

 private:
  // nullptr for a mapping of no file.
  ModuleNames* ModuleOf(const Profile& profile, uint32_t mapping, const LivingProcess& process);
  // Says why files have no names: `unnamed` has how many locations of each.
  void TellOf(const std::map<ModuleNames*, size_t>& unnamed);
  // Says what the names of a file are to be taken with.
  void WarnOf(const Profile& profile, const ModuleNames& module);

  SymbolizeOptions options_;
  DebugFiles files_;
  NameCache cache_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<ModuleNames>> modules_;
  std::set<const ModuleNames*> told_;
};

SymbolizeResult Symbolize(Profile* profile, const SymbolizeOptions& options);

struct SymbolizeRequest {
  std::string in, out;  // "-" is standard input or output
  LoadOptions load;
  SymbolizeOptions options;
};

void SymbolizeFile(const SymbolizeRequest& request);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_NAMING_SYMBOLIZE_H_
