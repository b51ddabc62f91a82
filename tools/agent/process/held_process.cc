// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/process/held_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <ctime>

#include "tools/agent/process/open_below.h"

namespace heapprof::tools::agent {
namespace {

// Takes a number to the base and the character behind it from the front.
bool TakeNumber(std::string_view* text, int base, char behind, uint64_t* number) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number, base);
  if (error != std::errc() || end == text->data() + text->size() || *end != behind) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()) + 1);
  return true;
}

bool ParseMapsLine(std::string_view text, MapsLine* line) {
  if (!TakeNumber(&text, 16, '-', &line->start) || !TakeNumber(&text, 16, ' ', &line->end)) return false;
  constexpr size_t kRights = 4;
  if (text.size() <= kRights || text[kRights] != ' ') return false;
  line->executable = text[2] == 'x';
  text.remove_prefix(kRights + 1);
  uint64_t device;
  if (!TakeNumber(&text, 16, ' ', &line->offset) || !TakeNumber(&text, 16, ':', &device) ||
      !TakeNumber(&text, 16, ' ', &device) || !TakeNumber(&text, 10, ' ', &line->inode)) {
    return false;
  }
  const size_t path = text.find_first_not_of(' ');
  line->path = path == std::string_view::npos ? "" : text.substr(path);
  return line->start < line->end;
}

// The state and the 22nd field of /proc/PID/stat, of which the name in brackets may hold anything.
bool ParseStat(const std::string& text, char* state, uint64_t* start) {
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= text.size()) return false;
  *state = text[name_end + 2];
  size_t at = name_end + 1;
  constexpr int kFieldsBefore = 19;
  for (int i = 0; i < kFieldsBefore && at != std::string::npos; ++i) at = text.find(' ', at + 1);
  if (at == std::string::npos) return false;
  return std::from_chars(text.data() + at + 1, text.data() + text.size(), *start).ec == std::errc();
}

}  // namespace

void OwnedFd::Reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

std::vector<MapsLine> ParseMaps(std::string_view text) {
  std::vector<MapsLine> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    MapsLine line;
    if (ParseMapsLine(text.substr(0, end), &line)) lines.push_back(std::move(line));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return lines;
}

std::string_view FieldOf(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.size() > name.size() && line.substr(0, name.size()) == name && line[name.size()] == ':') {
      line.remove_prefix(name.size() + 1);
      const size_t first = line.find_first_not_of(" \t");
      if (first == std::string_view::npos) return {};
      return line.substr(first, line.find_last_not_of(" \t") - first + 1);
    }
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return {};
}

std::string ReadUpTo(int fd, size_t max) {
  std::string text;
  constexpr size_t kPiece = 16 << 10;
  size_t done = 0;
  while (done < max) {
    text.resize(std::min(max, done + kPiece));
    const ssize_t got = read(fd, &text[done], text.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  text.resize(done);
  return text;
}

std::unique_ptr<HeldProcess> HeldProcess::Open(pid_t pid) {
  const int folder =
      open(("/proc/" + std::to_string(pid)).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (folder < 0) return nullptr;
  std::unique_ptr<HeldProcess> process(new HeldProcess(pid, folder));
  char state;
  if (!ParseStat(process->Read("stat"), &state, &process->start_ticks_)) return nullptr;
  if (state == 'Z' || state == 'X') {
    // Of a first thread that has ended the others may go on.
    if (process->List("task", 2).size() < 2) return nullptr;
  }
  return process;
}

int64_t HeldProcess::start_nanos() const {
  timespec real, boot;
  if (clock_gettime(CLOCK_REALTIME, &real) != 0 || clock_gettime(CLOCK_BOOTTIME, &boot) != 0) return 0;
  constexpr int64_t kNanos = 1'000'000'000;
  const int64_t booted = (real.tv_sec - boot.tv_sec) * kNanos + real.tv_nsec - boot.tv_nsec;
  return booted + static_cast<int64_t>(start_ticks_) * (kNanos / sysconf(_SC_CLK_TCK));
}

bool HeldProcess::lives() const {
  char state;
  uint64_t start;
  if (!ParseStat(Read("stat"), &state, &start)) return false;
  return (state != 'Z' && state != 'X') || List("task", 2).size() >= 2;
}

bool HeldProcess::exists() const {
  struct stat status;
  return fstatat(folder_.get(), "stat", &status, 0) == 0;
}

std::string HeldProcess::Read(const std::string& name, size_t max) const {
  const OwnedFd fd(openat(folder_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  return fd.good() ? ReadUpTo(fd.get(), max) : "";
}

std::string HeldProcess::Link(const std::string& name) const {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = readlinkat(folder_.get(), name.c_str(), target.data(), target.size());
  target.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return target;
}

std::vector<std::string> HeldProcess::List(const std::string& name, size_t max) const {
  std::vector<std::string> names;
  const int fd = openat(folder_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  DIR* entries = fd < 0 ? nullptr : fdopendir(fd);
  if (entries == nullptr) {
    if (fd >= 0) close(fd);
    return names;
  }
  while (names.size() < max) {
    const dirent* entry = readdir(entries);
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  closedir(entries);
  return names;
}

ProgramFile HeldProcess::Program() const {
  struct stat status;
  if (fstatat(folder_.get(), "exe", &status, 0) != 0) return {};
  return {status.st_dev, status.st_ino};
}

std::vector<MapsLine> HeldProcess::Maps() const {
  std::vector<MapsLine> lines = ParseMaps(Read("maps"));
  if (!lines.empty()) return lines;
  constexpr size_t kMaxTried = 64;
  for (const std::string& thread : List("task", kMaxTried)) {
    lines = ParseMaps(Read("task/" + thread + "/maps"));
    if (!lines.empty()) break;
  }
  return lines;
}

std::string_view HeldProcess::Variable(std::string_view environment, std::string_view name) {
  while (!environment.empty()) {
    const size_t end = std::min(environment.find('\0'), environment.size());
    const std::string_view variable = environment.substr(0, end);
    if (variable.size() > name.size() && variable[name.size()] == '=' &&
        variable.substr(0, name.size()) == name) {
      return variable.substr(name.size() + 1);
    }
    environment.remove_prefix(std::min(environment.size(), end + 1));
  }
  return {};
}

int HeldProcess::OpenThere(const std::string& path, int flags) const {
  const bool absolute = !path.empty() && path[0] == '/';
  const OwnedFd base(openat(folder_.get(), absolute ? "root" : "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!base.good()) return -1;
  return OpenBelow(base.get(), path, flags, absolute ? Links::kWithin : Links::kNone);
}

}  // namespace heapprof::tools::agent
