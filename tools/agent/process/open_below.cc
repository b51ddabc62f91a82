// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/process/open_below.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>
#include <vector>

#include "base/older_libc.h"
#include "tools/agent/process/held_process.h"

namespace heapprof::tools::agent {
namespace {

int Fail(int error) {
  errno = error;
  return -1;
}

// The text of a link, of which `fd` is the link itself; empty, with errno: none that may be followed. Links
// of /proc lead past their text, and nothing that is looked for lies behind one.
std::string TargetOf(int fd) {
  struct statfs status;
  std::string target(PATH_MAX, '\0');
  const bool is_proc = fstatfs(fd, &status) != 0 || status.f_type == PROC_SUPER_MAGIC;
  const ssize_t size = is_proc ? 0 : readlinkat(fd, "", target.data(), target.size());
  if (size <= 0) errno = is_proc ? ELOOP : ENOENT;
  target.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return target;
}

// Each step is opened without following a link, and ".." goes back to the folder that the path came by, so
// that no renaming meanwhile leads out of `base`.
class SteppedPath {
 public:
  SteppedPath(int base, std::string path, int flags, Links links)
      : base_(base), rest_(std::move(path)), flags_(flags), links_(links) {}

  int Open() {
    if (rest_.empty()) return Fail(ENOENT);
    for (;;) {
      if (rest_.size() >= PATH_MAX) return Fail(ENAMETOOLONG);
      const size_t begin = rest_.find_first_not_of('/');
      if (begin == std::string::npos) return openat(here(), ".", flags_);
      const size_t end = std::min(rest_.find('/', begin), rest_.size());
      const std::string name = rest_.substr(begin, end - begin);
      rest_.erase(0, end);
      if (name == ".") continue;
      if (name == "..") {
        if (!folders_.empty()) {
          folders_.pop_back();
        } else if (links_ == Links::kNone) {
          return Fail(EXDEV);
        }
        continue;
      }
      OwnedFd next(openat(here(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      struct stat status;
      if (!next.good() || fstat(next.get(), &status) != 0) return -1;
      const bool is_link = S_ISLNK(status.st_mode);
      if (rest_.empty() && (!is_link || (flags_ & O_NOFOLLOW) != 0)) return OpenLast(name);
      if (is_link ? !Follow(next.get()) : !Enter(std::move(next), S_ISDIR(status.st_mode))) return -1;
    }
  }

 private:
  static constexpr size_t kMaxDepth = 128;  // each holds a descriptor
  static constexpr int kMaxLinks = 40;      // as the kernel

  int here() const { return folders_.empty() ? base_ : folders_.back().get(); }
  // If it has become a link meanwhile, it is not followed.
  int OpenLast(const std::string& name) { return openat(here(), name.c_str(), flags_ | O_NOFOLLOW); }

  bool Follow(int link) {
    if (links_ == Links::kNone || ++followed_ > kMaxLinks) return Fail(ELOOP) == 0;
    const std::string target = TargetOf(link);
    if (target.empty()) return false;
    if (target[0] == '/') folders_.clear();
    rest_.insert(0, target);
    return true;
  }

  bool Enter(OwnedFd next, bool is_folder) {
    if (!is_folder) return Fail(ENOTDIR) == 0;
    if (folders_.size() >= kMaxDepth) return Fail(ENAMETOOLONG) == 0;
    folders_.push_back(std::move(next));
    return true;
  }

  const int base_;
  std::string rest_;
  const int flags_;
  const Links links_;
  std::vector<OwnedFd> folders_;  // from below `base_` to where the path has come
  int followed_ = 0;
};

}  // namespace

int OpenBelow(int base, const std::string& path, int flags, Links links) {
  flags |= O_CLOEXEC;
  if ((flags & O_PATH) == 0) flags |= O_NONBLOCK | O_NOCTTY;
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = RESOLVE_NO_MAGICLINKS |
                (links == Links::kWithin ? RESOLVE_IN_ROOT : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  const auto fd = static_cast<int>(syscall(SYS_openat2, base, path.c_str(), &how, sizeof how));
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
  return SteppedPath(base, path, flags, links).Open();
}

}  // namespace heapprof::tools::agent
