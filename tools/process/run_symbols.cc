// SPDX-License-Identifier: Apache-2.0
#include "tools/process/run_symbols.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/process/output_pattern.h"
#include "tools/profile/load.h"
#include "tools/profile/profile_writer.h"
#include "tools/symbols/naming/function_starts.h"
#include "tools/symbols/naming/symbolize.h"

namespace heapprof::tools {
namespace {

bool IsBefore(const timespec& a, const timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

// In the current folder a file has no folder.
std::string ShortName(const std::string& path) {
  std::error_code error;
  const std::string here = std::filesystem::current_path(error).string() + "/";
  return !error && path.compare(0, here.size(), here) == 0 ? path.substr(here.size()) : path;
}

// False: it is of another run.
bool SymbolizeInPlace(const std::string& path, unsigned mode, const std::string& run,
                      const Summarize& summarize, const std::function<void(const std::string&)>& warn) try {
  LoadOptions load;
  load.apply_drop_frames = false;
  Profile profile = LoadProfile(path, load);
  if (CommentValue(profile, "run") != run) return false;
  SymbolizeOptions options;
  options.debuginfod = false;  // nobody waits for a download at the end of a program
  options.quiet = true;        // the libraries of a program that has ended may be gone: `symbolize` tells
  options.warn = warn;         // the names are in the file then: no later reader looks for better ones
  if (Symbolize(&profile, options).resolved != 0) WriteProfile(profile, path, mode);
  if (!summarize) return true;
  FindFunctionStarts(&profile);  // so that it names what `top` will
  Tell(Printable(ShortName(path)) + ": " + summarize(std::move(profile)));
  return true;
} catch (const Failure& failure) {
  // Who asks a program for its threads or its memory reads the file and takes it away.
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return false;
  Tell(Printable(ShortName(path)) + " stays without symbols: " + failure.what());
  return true;
}

}  // namespace

std::vector<std::string> SymbolizeOutputs(const RunOutputs& outputs, timespec start,
                                          const Summarize& summarize) {
  std::string folder;
  std::vector<std::pair<std::string, unsigned>> files;
  try {
    const OutputPattern pattern(outputs.output, outputs.pid, {outputs.program});
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
  // The program's own are told first.
  std::stable_partition(files.begin(), files.end(), [&](const auto& file) {
    return file.first.find(std::to_string(outputs.pid), folder.size()) != std::string::npos;
  });
  std::vector<std::string> paths;
  constexpr size_t kMaxTold = 20;  // a build may leave thousands
  std::set<std::string> warned;    // profiles of one program have its files in common
  const auto warn = [&](const std::string& text) {
    if (summarize && warned.size() < kMaxTold && warned.insert(text).second) Tell(text);
  };
  for (const auto& [path, mode] : files) {
    if (SymbolizeInPlace(path, mode, outputs.run, paths.size() < kMaxTold ? summarize : Summarize(), warn)) {
      paths.push_back(path);
    }
  }
  if (summarize && paths.size() > kMaxTold) {
    Tell("... and " + Counted(paths.size() - kMaxTold, "more profile") + " in " + Printable(folder));
  }
  return paths;
}

}  // namespace heapprof::tools
