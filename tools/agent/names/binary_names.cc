// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/names/binary_names.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tools/agent/names/naming_worker.h"
#include "tools/agent/process/monotonic.h"
#include "tools/symbols/naming/frame_writer.h"

namespace heapprof::tools::agent {
namespace {

std::vector<gid_t> Numbers(std::string_view words) {
  std::vector<gid_t> numbers;
  const std::string text(words);
  const char* at = text.c_str();
  for (char* end; *at != '\0'; at = end) {
    const unsigned long number = std::strtoul(at, &end, 10);
    if (end == at) break;
    numbers.push_back(static_cast<gid_t>(number));
  }
  return numbers;
}

// Real, effective, saved, and of files.
FileUser UserOf(const HeldProcess& process) {
  constexpr uid_t kNobody = 65534;
  const std::string status = process.Read("status");
  const auto users = Numbers(FieldOf(status, "Uid")), groups = Numbers(FieldOf(status, "Gid"));
  if (users.empty() || groups.empty()) return {kNobody, kNobody, {}};
  return {users.back(), groups.back(), Numbers(FieldOf(status, "Groups"))};
}

bool IsBuildId(const std::string& text) {
  constexpr size_t kMaxDigits = 128;
  return text.size() > 2 && text.size() <= kMaxDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

size_t BytesOf(const NamesByOffset& names) {
  constexpr size_t kEntry = 64;  // and what hash tables need
  size_t bytes = 0;
  for (const auto& [offset, frames] : names) {
    bytes += kEntry;
    for (const SourceFrame& frame : frames)
      bytes += sizeof frame + frame.symbol.size() + frame.file.size() + frame.name.size();
  }
  return bytes;
}

constexpr uint64_t kMaxFolder = 16 << 20;

// The line that holds the profile's mapping, at the same place of a file; nullptr: none does.
const MapsLine* LineOf(const std::vector<MapsLine>& maps, const ProfileMapping& mapping) {
  const auto behind =
      std::upper_bound(maps.begin(), maps.end(), mapping.start,
                       [](uint64_t start, const MapsLine& line) { return start < line.start; });
  if (behind == maps.begin()) return nullptr;
  const MapsLine& line = *(behind - 1);
  const bool same = line.inode != 0 && mapping.start >= line.start && mapping.limit <= line.end &&
                    mapping.start - line.start + line.offset == mapping.offset;
  return same ? &line : nullptr;
}

}  // namespace

OwnedFd BinaryNames::OpenMapped(const HeldProcess& process, const MapsLine& line) {
  char name[64];
  std::snprintf(name, sizeof name, "map_files/%llx-%llx", static_cast<unsigned long long>(line.start),
                static_cast<unsigned long long>(line.end));
  OwnedFd fd(openat(process.folder(), name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status;
  if (fd.good() && fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode)) return fd;
  fd = OwnedFd(process.OpenThere(line.path, O_RDONLY));
  if (!fd.good() || fstat(fd.get(), &status) != 0) return OwnedFd();
  // Of two layers of a file system the devices differ, and not the inodes.
  if (S_ISREG(status.st_mode) && status.st_ino == line.inode) return fd;
  ++figures_.refused;
  return OwnedFd();
}

// Each container has a device of its own, and a user may mount as many as he likes: those that were written
// to the longest ago go.
std::string BinaryNames::FolderOf(const std::string& name) {
  namespace fs = std::filesystem;
  if (folders_.insert(name).second) {
    std::error_code none;
    std::vector<std::pair<fs::file_time_type, fs::path>> others;
    for (fs::directory_iterator entry(options_.cache_folder, none), end; entry != end;
         entry.increment(none)) {
      if (entry->path().filename() != name) others.emplace_back(entry->last_write_time(none), entry->path());
    }
    std::sort(others.begin(), others.end());
    for (size_t i = 0; i + options_.max_folders <= others.size(); ++i) fs::remove_all(others[i].second, none);
    if (folders_.size() > options_.max_folders) folders_ = {name};
  }
  return options_.cache_folder + "/" + name;
}

std::shared_ptr<FileNames> BinaryNames::NamesOf(int fd, const std::string& build_id) {
  struct stat status;
  if (fstat(fd, &status) != 0) return nullptr;
  const std::string device = std::to_string(status.st_dev), owner = std::to_string(status.st_uid);
  // Who else may write to it may have done so.
  const bool is_owners = (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  std::string key = device + "-" + owner;
  const bool by_build_id = is_owners && IsBuildId(build_id);
  if (by_build_id) {
    key += "/" + build_id;
  } else {
    key += ":" + std::to_string(status.st_ino) + ":" + std::to_string(status.st_size) + ":" +
           std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec) + ":" +
           std::to_string(status.st_ctim.tv_sec) + "." + std::to_string(status.st_ctim.tv_nsec) + ":" +
           build_id;
  }
  std::shared_ptr<FileNames>& kept = files_[key];
  if (kept != nullptr) return kept;
  kept = std::make_shared<FileNames>();
  kept->build_id = build_id;
  if (by_build_id && !options_.cache_folder.empty()) kept->folder = FolderOf(device + "-" + owner);
  std::shared_ptr<FileNames> names = kept;
  constexpr size_t kMany = 1024;
  if (files_.size() > kMany) {
    for (auto file = files_.begin(); file != files_.end();)
      file = file->second.use_count() == 1 ? files_.erase(file) : std::next(file);
  }
  return names;
}

std::shared_ptr<FileNames> BinaryNames::FileOf(const HeldProcess& process, ProcessFiles* files,
                                               const Profile& profile, const ProfileMapping& mapping,
                                               OwnedFd* opened) {
  const std::pair<std::string, std::string> claim(profile.text(mapping.filename),
                                                  profile.text(mapping.build_id));
  const MapsLine* line = LineOf(files->maps, mapping);
  if (line == nullptr) {
    const auto known = files->by_claim.find(claim);
    return known == files->by_claim.end() ? nullptr : known->second;
  }
  const auto known = files->by_start.find(line->start);
  if (known != files->by_start.end() && known->second != nullptr && known->second->build_id == claim.second) {
    return known->second;
  }
  *opened = OpenMapped(process, *line);
  std::shared_ptr<FileNames> names = opened->good() ? NamesOf(opened->get(), claim.second) : nullptr;
  if (names == nullptr) return nullptr;
  files->by_start[line->start] = names;
  constexpr size_t kMaxClaims = 4096;
  if (files->by_claim.size() < kMaxClaims) files->by_claim[claim] = names;
  return names;
}

void BinaryNames::LookUp(const HeldProcess& process, int fd, std::vector<uint64_t> offsets, FileNames* names,
                         ProcessFiles* files) {
  constexpr int kMostFailures = 3;
  constexpr time_t kWindowSeconds = 600;
  NamingRequest request;
  request.file = fd;
  request.build_id = names->build_id;
  request.user = UserOf(process);
  request.offsets = std::move(offsets);
  request.seconds = options_.worker_seconds;
  request.debug_paths = options_.debug_paths;
  request.debuginfod = options_.debuginfod;
  Spent* spent = &spent_[request.user.user];
  const int64_t begin = MonotonicNanos();
  const time_t now = begin / kNanosASecond;
  if (spent->since == 0 || now - spent->since > kWindowSeconds) *spent = {0, now};
  if (spent->seconds >= options_.user_seconds || names->failures >= kMostFailures) {
    ++figures_.put_off;
    return;
  }
  ++figures_.workers;
  FoundNames found = NameInWorker(request);
  spent->seconds += static_cast<double>(MonotonicNanos() - begin) / kNanosASecond;
  figures_.looked_up += found.names.size();
  // One that told a part goes on where it was at the next profile.
  if (!found.finished && found.names.empty()) {
    ++figures_.failed;
    ++names->failures;
    files->given_up = true;
  }
  // More places than any program has: who makes them up shall not fill the memory.
  constexpr size_t kMaxKnown = 1 << 18;
  if (names->known.size() + found.names.size() > kMaxKnown) {
    names->known.clear();
    names->bytes = 0;
  }
  names->bytes += BytesOf(found.names);
  for (auto& [offset, frames] : found.names) names->known[offset] = std::move(frames);
  if (!names->folder.empty())
    NameCache(CacheFolder(names->folder, kMaxFolder)).Add(names->build_id, found.whole);
}

void BinaryNames::Trim() {
  for (;;) {
    size_t bytes = 0;
    FileNames* largest = nullptr;
    for (const auto& [key, names] : files_) {
      bytes += names->bytes;
      if (largest == nullptr || names->bytes > largest->bytes) largest = names.get();
    }
    if (bytes <= options_.max_bytes) return;
    largest->known = {};
    largest->bytes = 0;
    largest->cache_read = false;
  }
}

void BinaryNames::Name(const HeldProcess& process, ProcessFiles* files, Profile* profile) {
  std::vector<std::vector<uint32_t>> unnamed(profile->mappings.size());
  for (uint32_t i = 0; i < profile->locations.size(); ++i) {
    const ProfileLocation& location = profile->locations[i];
    if (location.line_count == 0 && location.mapping != kNone) unnamed[location.mapping].push_back(i);
  }
  bool maps_read = false;
  const auto needs_maps = [&](size_t i) {
    return !unnamed[i].empty() && !maps_read && LineOf(files->maps, profile->mappings[i]) == nullptr &&
           profile->text(profile->mappings[i].filename).substr(0, 1) == "/";
  };
  FrameWriter writer(profile);
  for (size_t i = 0; i < unnamed.size(); ++i) {
    if (unnamed[i].empty()) continue;
    const ProfileMapping mapping = profile->mappings[i];
    if (needs_maps(i)) {
      maps_read = true;
      files->maps = process.Maps();
      files->by_start.clear();
    }
    OwnedFd opened;
    const std::shared_ptr<FileNames> names = FileOf(process, files, *profile, mapping, &opened);
    if (names == nullptr) continue;
    if (!names->cache_read) {
      names->cache_read = true;
      if (!names->folder.empty())
        names->known = NameCache(CacheFolder(names->folder, kMaxFolder)).Read(names->build_id);
      names->bytes = BytesOf(names->known);
    }
    const auto offset_of = [&](uint32_t at) {
      return profile->locations[at].address - mapping.start + mapping.offset;
    };
    std::vector<uint64_t> fresh;
    for (const uint32_t at : unnamed[i]) {
      if (names->known.count(offset_of(at)) == 0) fresh.push_back(offset_of(at));
    }
    if (!fresh.empty() && !files->given_up) {
      const MapsLine* line = LineOf(files->maps, mapping);
      if (!opened.good() && line != nullptr) opened = OpenMapped(process, *line);
      std::sort(fresh.begin(), fresh.end());
      fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
      if (opened.good()) LookUp(process, opened.get(), std::move(fresh), names.get(), files);
    }
    for (const uint32_t at : unnamed[i]) {
      const auto found = names->known.find(offset_of(at));
      if (found != names->known.end()) writer.Write(found->second, &profile->locations[at]);
    }
  }
  writer.SetFlags();
  Trim();
}

}  // namespace heapprof::tools::agent
