// SPDX-License-Identifier: Apache-2.0
#include "tools/reader/inflate.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

constexpr size_t kPiece = 64 << 10;
constexpr int kGzipOnly = 15 + 16;  // zlib: the largest window, gzip framing only

// `top 4711` asks for what that process has to be told to write first.
bool NamesProcess(const std::string& path) {
  if (path.empty() || path.find_first_not_of("0123456789") != std::string::npos) return false;
  return access(("/proc/" + path + "/stat").c_str(), F_OK) == 0;
}

int OpenInput(const std::string& path) {
  const int fd =
      path == "-" ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int error = errno;
  if (fd >= 0) return fd;
  if (error == ENOENT && NamesProcess(path)) {
    throw Failure("no such file, but a process that runs: \"heapprof dump " + path +
                  "\" has it write its profile; \"heapprof watch\" and \"heapprof threads\" look into it");
  }
  throw Failure(ErrorText(error));
}

}  // namespace

ProfileSource::ProfileSource(const std::string& path, uint64_t limit)
    : limit_(limit), fd_(OpenInput(path)), buffer_(kPiece) {
  try {
    Start();
  } catch (...) {
    close(fd_);
    throw;
  }
}

ProfileSource::ProfileSource(FileBytes file, uint64_t limit)
    : limit_(limit), fd_(-1), buffer_(file.bytes.begin(), file.bytes.end()), end_(file.bytes.size()) {
  Start();
}

ProfileSource::~ProfileSource() {
  if (gzip_) inflateEnd(&stream_);
  if (fd_ >= 0) close(fd_);
}

void ProfileSource::Start() {
  // A pipe may hand over the magic one byte at a time.
  while (end_ < 2 && Fill()) {
  }
  if (end_ == 0) throw Failure("the file is empty: no dump was written to it, or it was cut off");
  gzip_ = end_ >= 2 && buffer_[0] == 0x1f && buffer_[1] == 0x8b;
  if (gzip_) {
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw Failure("no memory to inflate with");
    in_member_ = true;
  }
}

bool ProfileSource::Fill() {
  if (fd_ < 0) return false;
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size()) return true;
  ssize_t got;
  do {
    got = read(fd_, buffer_.data() + end_, buffer_.size() - end_);
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw Failure(ErrorText(errno));
  end_ += static_cast<size_t>(got);
  return got > 0;
}

std::string_view ProfileSource::Head() {
  constexpr size_t kHead = 64;
  while (head_.size() < kHead) {
    char piece[kHead];
    const size_t got = ReadOn(piece, kHead - head_.size());
    if (got == 0) break;
    head_.append(piece, got);
  }
  return head_;
}

size_t ProfileSource::Read(char* to, size_t size) {
  if (head_used_ == head_.size()) return ReadOn(to, size);
  const size_t got = head_.copy(to, size, head_used_);
  head_used_ += got;
  return got;
}

size_t ProfileSource::ReadOn(char* to, size_t size) {
  const size_t got = gzip_ ? ReadInflated(to, size) : ReadPlain(to, size);
  produced_ += got;
  if (produced_ > limit_) {
    throw Failure("holds more than " + std::to_string(limit_) + " bytes" + (gzip_ ? " when inflated" : "") +
                  ", the bound that --max-size sets");
  }
  return got;
}

size_t ProfileSource::ReadPlain(char* to, size_t size) {
  if (begin_ == end_ && !Fill()) return 0;
  const size_t got = std::min(size, end_ - begin_);
  std::memcpy(to, buffer_.data() + begin_, got);
  begin_ += got;
  return got;
}

void ProfileSource::StartMember() {
  // RFC 1952: a gzip file is one member or several, one after the other.
  if (buffer_[begin_] != 0x1f) throw Failure("bytes that are no gzip member follow the gzip stream");
  inflateReset(&stream_);
  in_member_ = true;
}

size_t ProfileSource::ReadInflated(char* to, size_t size) {
  for (;;) {
    if (begin_ == end_ && !Fill()) {
      if (in_member_) throw Failure("the gzip stream ends early: the file is truncated");
      return 0;
    }
    if (!in_member_) StartMember();
    stream_.next_in = buffer_.data() + begin_;
    stream_.avail_in = static_cast<uInt>(end_ - begin_);
    stream_.next_out = reinterpret_cast<unsigned char*>(to);
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(size, kPiece));
    const uInt room = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    begin_ = end_ - stream_.avail_in;
    if (result == Z_STREAM_END) {
      in_member_ = false;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      throw Failure(std::string("the gzip stream is damaged") +
                    (stream_.msg != nullptr ? std::string(": ") + stream_.msg : std::string()));
    }
    const size_t got = room - stream_.avail_out;
    if (got > 0) return got;
  }
}

}  // namespace heapprof::tools
