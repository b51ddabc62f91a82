// SPDX-License-Identifier: Apache-2.0
#include "tools/base/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "tools/base/failure.h"

namespace heapprof::tools {

OutputFile::OutputFile(const std::string& path, unsigned mode) : path_(path) {
  struct stat status;
  if (path == "-") {
    fd_ = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  } else if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    fd_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    for (int attempt = 0; attempt < 100 && fd_ < 0; ++attempt) {
      temporary_ = path + "." + std::to_string(getpid()) + "-" + std::to_string(attempt) + ".tmp";
      fd_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
      if (fd_ < 0 && errno != EEXIST) break;
    }
    if (fd_ < 0) temporary_.clear();
  }
  if (fd_ < 0) Fail(errno);
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void OutputFile::Fail(int error) const {
  throw Failure((path_ == "-" ? "standard output" : Printable(path_)) +
                " cannot be written: " + ErrorText(error));
}

void OutputFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(fd_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) Fail(errno);
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
}

void OutputFile::Commit() {
  const int fd = fd_;
  fd_ = -1;
  if (close(fd) != 0) Fail(errno);
  if (temporary_.empty()) return;
  if (rename(temporary_.c_str(), path_.c_str()) != 0) Fail(errno);
  temporary_.clear();
}

}  // namespace heapprof::tools
