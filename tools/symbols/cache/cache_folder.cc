// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/cache/cache_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "tools/base/failure.h"
#include "tools/base/output_file.h"

namespace heapprof::tools {
namespace {

constexpr char kTemporarySuffix[] = ".tmp";
// A temporary file that is older was left behind by a process that was killed.
constexpr time_t kTemporarySeconds = 3600;

std::string AbsoluteFolder(const char* variable) {
  const char* value = getenv(variable);
  return value != nullptr && *value == '/' ? value : "";
}

bool IsOwnFolder(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid();
}

// What root makes in a folder of somebody else (sudo -E) would be in that user's way.
bool MayMakeIn(const std::string& folder) {
  struct stat status;
  return geteuid() != 0 || stat(folder.c_str(), &status) != 0 || status.st_uid == 0;
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

std::string CacheFolder::OfUser() {
  std::string parent = AbsoluteFolder("XDG_CACHE_HOME");
  if (parent.empty()) {
    parent = AbsoluteFolder("HOME");
    if (parent.empty() || !IsOwnFolder(parent)) return "";
    parent += "/.cache";
  }
  if (!MayMakeIn(parent)) return "";
  return parent + "/heapprof";
}

CacheFolder::CacheFolder(std::string path, uint64_t max_bytes)
    : path_(std::move(path)), max_bytes_(max_bytes) {}

bool CacheFolder::Make() const {
  if (path_.empty()) return false;
  const std::string parent = path_.substr(0, path_.rfind('/'));
  mkdir(parent.c_str(), 0700);  // mostly there
  mkdir(path_.c_str(), 0700);
  return IsOwnFolder(path_);
}

std::string CacheFolder::Read(const std::string& name) const {
  if (path_.empty() || !IsOwnFolder(path_)) return "";
  const int fd = open((path_ + "/" + name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return "";
  std::string content;
  struct stat status;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
      status.st_size > 0 && static_cast<uint64_t>(status.st_size) <= max_bytes_) {
    content.resize(static_cast<size_t>(status.st_size));
    size_t done = 0;
    ssize_t got = 0;
    while (done < content.size() && (got = read(fd, &content[done], content.size() - done)) > 0) {
      done += static_cast<size_t>(got);
    }
    content.resize(done);
    futimens(fd, nullptr);
  }
  close(fd);
  return content;
}

void CacheFolder::Write(const std::string& name, std::string_view bytes) const try {
  if (bytes.size() > max_bytes_ || !Make()) return;
  OutputFile file(path_ + "/" + name, 0600);
  file.Write(bytes);
  file.Commit();
  Trim();
} catch (const Failure&) {
  // A full disk, a folder that has just been deleted: the next one looks the names up again.
}

void CacheFolder::Trim() const {
  struct File {
    timespec time;
    uint64_t size;
    std::string name;
  };
  DIR* entries = opendir(path_.c_str());
  if (entries == nullptr) return;
  const int folder = dirfd(entries);
  const time_t now = time(nullptr);
  std::vector<File> files;
  uint64_t total = 0;
  while (const dirent* entry = readdir(entries)) {
    struct stat status;
    if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
      continue;
    if (EndsWith(entry->d_name, kTemporarySuffix)) {
      if (now - status.st_mtime > kTemporarySeconds) unlinkat(folder, entry->d_name, 0);
      continue;
    }
    total += static_cast<uint64_t>(status.st_size);
    files.push_back({status.st_mtim, static_cast<uint64_t>(status.st_size), entry->d_name});
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) {
    return a.time.tv_sec != b.time.tv_sec ? a.time.tv_sec < b.time.tv_sec : a.time.tv_nsec < b.time.tv_nsec;
  });
  for (const File& file : files) {
    if (total <= max_bytes_) break;
    unlinkat(folder, file.name.c_str(), 0);
    total -= file.size;
  }
  closedir(entries);
}

}  // namespace heapprof::tools
