// SPDX-License-Identifier: Apache-2.0
#include "tools/source/source_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>

#include "tools/base/failure.h"
#include "tools/command/add_option.h"
#include "tools/command/values.h"

namespace heapprof::tools {
namespace {

constexpr off_t kMaxBytes = 16 << 20;
constexpr size_t kTab = 8;

// The path without links, "" where there is nothing.
std::string RealPath(const std::string& path) {
  char* real = realpath(path.c_str(), nullptr);
  if (real == nullptr) return "";
  std::string text = real;
  std::free(real);
  return text;
}

bool IsBelow(const std::string& path, const std::string& root) {
  const std::string real = RealPath(path), folder = RealPath(root);
  if (folder.empty()) return false;
  return folder == "/" || (real.size() > folder.size() && real.compare(0, folder.size(), folder) == 0 &&
                           real[folder.size()] == '/');
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      lines.push_back(line);
      line.clear();
    } else if (c == '\t') {
      line.append(kTab - line.size() % kTab, ' ');
    } else if (c != '\r') {
      line += c;
    }
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

// Opened without waiting for a FIFO's writer, and looked at before it is read.
bool Read(const std::string& path, SourceFiles::File* file) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return false;
  struct stat status;
  bool good = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= kMaxBytes;
  std::string text(good ? static_cast<size_t>(status.st_size) : 0, '\0');
  size_t done = 0;
  while (good && done < text.size()) {
    const ssize_t got = read(fd, text.data() + done, text.size() - done);
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  close(fd);
  if (!good) return false;
  text.resize(done);
  constexpr int64_t kNanos = 1000000000;
  file->found_at = path;
  file->lines = Lines(text);
  file->changed_nanos = status.st_mtim.tv_sec * kNanos + status.st_mtim.tv_nsec;
  return true;
}

// "a.cc, b.cc and 3 more".
std::string SomeOf(const std::vector<std::string>& paths) {
  constexpr size_t kNamed = 3;
  std::string text;
  for (size_t i = 0; i < paths.size() && i < kNamed; ++i) text += (i == 0 ? "" : ", ") + Printable(paths[i]);
  if (paths.size() > kNamed) text += " and " + std::to_string(paths.size() - kNamed) + " more";
  return text;
}

}  // namespace

SourceFiles::File SourceFiles::Load(const std::string& path) const {
  File file;
  std::string mapped = path;
  for (const std::string& pair : options_.prefixes) {
    const size_t equals = pair.find('=');
    if (path.compare(0, equals, pair, 0, equals) != 0) continue;
    mapped = pair.substr(equals + 1) + path.substr(equals);
    if (!options_.only_below_roots && Read(mapped, &file)) return file;
    break;
  }
  for (const std::string& root : options_.roots) {
    std::string rest = std::filesystem::path(mapped).lexically_normal().string();
    while (!rest.empty()) {
      const size_t begin = rest.find_first_not_of('/');
      if (begin == std::string::npos) break;
      rest.erase(0, begin);
      std::string candidate = root;
      candidate.append("/").append(rest);
      if ((!options_.only_below_roots || IsBelow(candidate, root)) && Read(candidate, &file)) {
        file.below_root = rest;
        return file;
      }
      const size_t slash = rest.find('/');
      rest.erase(0, slash == std::string::npos ? rest.size() : slash);
    }
  }
  if (!options_.only_below_roots) Read(path, &file);
  return file;
}

const SourceFiles::File& SourceFiles::Find(std::string_view path) {
  const auto found = files_.find(path);
  if (found != files_.end()) return found->second;
  return files_.emplace(path, path.empty() ? File() : Load(std::string(path))).first->second;
}

std::vector<std::string> SourceFiles::Missing() const {
  std::vector<std::string> paths;
  for (const auto& [path, file] : files_) {
    if (file.found_at.empty() && !path.empty()) paths.push_back(path);
  }
  return paths;
}

std::vector<std::string> SourceFiles::ChangedAfter(int64_t nanos) const {
  std::vector<std::string> paths;
  for (const auto& [path, file] : files_) {
    if (!file.found_at.empty() && file.changed_nanos > nanos) paths.push_back(file.found_at);
  }
  return paths;
}

void AddSourceOptions(Command command, SourceOptions* options) {
  AddRepeatedOption(
      command, "--source-root", &options->roots,
      "A folder below which source files are looked for, by the ends of their paths (may be repeated)")
      ->option_text("FOLDER");
  AddRepeatedOption(command, "--source-map", &options->prefixes,
                    "Source paths that begin with the one are those of the other (may be repeated)")
      ->check(IsPair)
      ->option_text("OLD=NEW");
}

void TellOfSources(const SourceFiles& files, int64_t time_nanos) {
  const std::vector<std::string> missing = files.Missing();
  if (!missing.empty()) {
    Tell("source files that are not here: " + SomeOf(missing) +
         "; --source-root FOLDER looks for them below FOLDER, --source-map OLD=NEW changes their beginnings");
  }
  const std::vector<std::string> newer =
      time_nanos == 0 ? std::vector<std::string>() : files.ChangedAfter(time_nanos);
  if (!newer.empty()) Tell("changed after the profile was taken, lines may have moved: " + SomeOf(newer));
}

}  // namespace heapprof::tools
