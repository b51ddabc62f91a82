// SPDX-License-Identifier: Apache-2.0
#include "tools/process/run_symbols.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "tools/base/failure.h"
#include "tools/process/output_pattern.h"
#include "tools/profile/load.h"
#include "tools/profile/profile_writer.h"
#include "tools/symbols/symbolize.h"

namespace heapprof::tools {
namespace {

bool IsBefore(const timespec& a, const timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

void SymbolizeInPlace(const std::string& path, unsigned mode) try {
  LoadOptions load;
  load.apply_drop_frames = false;
  Profile profile = LoadProfile(path, load);
  SymbolizeOptions options;
  options.quiet = true;  // the libraries of a program that has ended may be gone: `symbolize` tells
  if (Symbolize(&profile, options).resolved == 0) return;
  WriteProfile(profile, path, mode);
} catch (const Failure& failure) {
  Tell(Printable(path) + " stays without symbols: " + failure.what());
}

}  // namespace

std::vector<std::string> SymbolizeOutputs(const std::string& output, pid_t pid, const std::string& program,
                                          timespec start) {
  std::string folder;
  std::vector<std::pair<std::string, unsigned>> files;
  try {
    const OutputPattern pattern(output, pid, {program});
    folder = pattern.folder().empty() ? "." : pattern.folder();
    DIR* entries = opendir(folder.c_str());
    if (entries == nullptr) return {};  // the program's own message has said it
    while (const dirent* entry = readdir(entries)) {
      const std::string path = folder + "/" + entry->d_name;
      struct stat status;
      if (!pattern.MatchesAnyProcess(entry->d_name) || lstat(path.c_str(), &status) != 0) continue;
      if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || IsBefore(status.st_mtim, start)) continue;
      files.emplace_back(path, status.st_mode & 0777);
    }
    closedir(entries);
  } catch (const Failure& failure) {
    Tell("the profiles stay without symbols: " + std::string(failure.what()));
    return {};
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> paths;
  for (const auto& [path, mode] : files) {
    SymbolizeInPlace(path, mode);
    paths.push_back(path);
  }
  return paths;
}

}  // namespace heapprof::tools
