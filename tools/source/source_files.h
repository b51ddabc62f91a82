// SPDX-License-Identifier: Apache-2.0
// The source files that a profile names, found and read.
//
// A path is looked for, in this order: with a prefix changed as the user says, below the folders that the
// user names, as it is. Below a folder it may lack any number of its first parts: /build/x-1.2/src/a.c is
// found as FOLDER/src/a.c, the longest match first. A profile may come from anywhere. Only regular files of
// moderate size are read, and whoever passes on what they hold must look for them below named folders only
// (`only_below_roots`).
//
// Thread-safety: an object belongs to one thread. Errors: none; what cannot be read is missing.
#ifndef HEAPPROF_TOOLS_SOURCE_SOURCE_FILES_H_
#define HEAPPROF_TOOLS_SOURCE_SOURCE_FILES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tools/command/command.h"

namespace heapprof::tools {

struct SourceOptions {
  std::vector<std::string> roots;     // folders
  std::vector<std::string> prefixes;  // OLD=NEW
  bool only_below_roots = false;      // nothing outside of `roots` is read, by links neither
};

class SourceFiles {
 public:
  explicit SourceFiles(SourceOptions options) : options_(std::move(options)) {}

  struct File {
    std::string found_at;            // "" if it is missing
    std::string below_root;          // its path below the folder that it was found in; "" elsewhere
    std::vector<std::string> lines;  // without their ends; tabs are blanks
    int64_t changed_nanos = 0;       // since 1970
  };
  // The file that the profile calls `path`.
  const File& Find(std::string_view path);

  // The paths that were asked for and are missing.
  std::vector<std::string> Missing() const;
  // Those that were changed after a moment.
  std::vector<std::string> ChangedAfter(int64_t nanos) const;

 private:
  File Load(const std::string& path) const;

  SourceOptions options_;
  std::map<std::string, File, std::less<>> files_;  // by the profile's path
};

// --source-root and --source-map.
void AddSourceOptions(Command command, SourceOptions* options);

// Says in a line each which files are missing, and which are newer than a profile of `time_nanos` (0: not
// known).
void TellOfSources(const SourceFiles& files, int64_t time_nanos);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SOURCE_SOURCE_FILES_H_
