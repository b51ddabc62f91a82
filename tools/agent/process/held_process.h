// SPDX-License-Identifier: Apache-2.0
// A process of somebody else, held by its folder of /proc: what is read through that is of this process, or
// fails, also once another one has its number.
//
// The process may be an enemy: it chooses its names, its environment, the paths that it maps, and may end or
// exec at any moment. So all that is read has a bound, and no path of its is followed but within its own
// root. Thread-safety: an object belongs to one thread. Errors: none; what cannot be read is empty.
#ifndef HEAPPROF_TOOLS_AGENT_PROCESS_HELD_PROCESS_H_
#define HEAPPROF_TOOLS_AGENT_PROCESS_HELD_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace heapprof::tools::agent {

// A descriptor that is closed with the object.
class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.Release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  ~OwnedFd() { Reset(-1); }
  int get() const { return fd_; }
  bool good() const { return fd_ >= 0; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Reset(int fd);

 private:
  int fd_;
};

// A line of /proc/PID/maps.
struct MapsLine {
  uint64_t start = 0, end = 0, offset = 0;
  uint64_t inode = 0;  // 0: of no file
  bool executable = false;
  std::string path;  // as the kernel writes it; "" if there is none
};

// The lines of `text`; what is none is passed over. A path holds no line feed: the kernel escapes it.
std::vector<MapsLine> ParseMaps(std::string_view text);

// The field behind "NAME:" of a text like /proc/PID/status, without the white space around it; "" where there
// is none.
std::string_view FieldOf(std::string_view text, std::string_view name);

// Reads what `fd` has, at most `max` bytes.
std::string ReadUpTo(int fd, size_t max);

// Which file the process runs, to notice an exec.
struct ProgramFile {
  uint64_t device = 0, inode = 0;
  bool operator==(const ProgramFile& other) const { return device == other.device && inode == other.inode; }
  bool operator!=(const ProgramFile& other) const { return !(*this == other); }
};

class HeldProcess {
 public:
  static constexpr size_t kMaxText = 4 << 20;  // of one file of /proc

  // nullptr: there is none, or it has ended.
  static std::unique_ptr<HeldProcess> Open(pid_t pid);

  pid_t pid() const { return pid_; }
  // In ticks since boot: with the pid, what tells it from all others of this boot.
  uint64_t start_ticks() const { return start_ticks_; }
  // In nanoseconds since the epoch.
  int64_t start_nanos() const;
  bool lives() const;
  // False: it has ended, and its parent knows.
  bool exists() const;

  // A file of its folder, such as "status" or "task/12/comm"; at most `max` bytes of it.
  std::string Read(const std::string& name, size_t max = kMaxText) const;
  std::string Link(const std::string& name) const;
  std::vector<std::string> List(const std::string& folder, size_t max) const;
  ProgramFile Program() const;
  // Where the first thread has ended, another one's.
  std::vector<MapsLine> Maps() const;
  // The value of a variable as it was when the program started; `environment` is what "environ" has.
  static std::string_view Variable(std::string_view environment, std::string_view name);

  // Opens a path of the process' own, below its root, without a link of its leading out of that and without
  // waiting for anybody. `flags` as open's. A relative path begins at its current folder, and has no links.
  // -1: errno says why not.
  int OpenThere(const std::string& path, int flags) const;

  int folder() const { return folder_.get(); }

 private:
  HeldProcess(pid_t pid, int folder) : pid_(pid), folder_(folder) {}

  pid_t pid_;
  OwnedFd folder_;
  uint64_t start_ticks_ = 0;
};

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_PROCESS_HELD_PROCESS_H_
