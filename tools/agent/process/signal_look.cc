// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/process/signal_look.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

#include "tools/base/failure.h"
#include "tools/dump/look.h"
#include "tools/process/file_rights.h"

namespace heapprof::tools::agent {
namespace {

constexpr char kProfile = 'P', kFailure = 'F';

void WriteAll(int fd, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t put = write(fd, bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    done += static_cast<size_t>(put);
  }
}

// With the rights of the process' user: whatever he puts there is something that he may read himself.
std::string ReadProfile(const Looker& looker, size_t max_bytes) {
  const FileUser user = FileUserOf(looker.process());
  const FileRights rights(user);
  if (!rights.taken()) throw Failure("its user's rights cannot be taken");
  const OwnedFd fd(open(looker.heap_file().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status;
  if (!fd.good() || fstat(fd.get(), &status) != 0) throw Failure("its file is gone: " + ErrorText(errno));
  if (!S_ISREG(status.st_mode) || status.st_uid != user.user) throw Failure("its file is another one");
  std::string bytes = ReadUpTo(fd.get(), max_bytes + 1);
  if (bytes.size() > max_bytes) throw Failure("its profile is too large");
  return bytes;
}

std::string LookAt(const HeldProcess& process, double seconds, size_t max_bytes) try {
  Looker looker(process.pid(), seconds, -1);
  // What is held is the process that was meant; what was opened by its number is, too, if that lives still.
  if (!process.lives()) throw Failure("it has ended");
  if (looker.Look() == Looker::Outcome::kEnded) throw Failure("it has ended");
  return kProfile + ReadProfile(looker, max_bytes);
} catch (const Failure& failure) {
  return kFailure + std::string(failure.what());
} catch (const std::bad_alloc&) {
  return kFailure + std::string("out of memory");
}

}  // namespace

SignalLook::SignalLook(const HeldProcess& process, double seconds, size_t max_bytes) : max_bytes_(max_bytes) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    why_ = ErrorText(errno);
    return;
  }
  in_ = OwnedFd(ends[0]);
  // Who waits for it has others to look after. All of a step's bytes have room, or each waits for the next.
  constexpr int kPipeBytes = 1 << 20;
  fcntl(in_.get(), F_SETFL, O_NONBLOCK);
  fcntl(in_.get(), F_SETPIPE_SZ, kPipeBytes);
  OwnedFd out(ends[1]);
  child_ = fork();
  if (child_ < 0) why_ = ErrorText(errno);
  if (child_ != 0) return;
  // No signal that is meant for the agent ends it, which has these blocked: its folder would stay.
  WriteAll(out.get(), LookAt(process, seconds, max_bytes));
  _exit(0);
}

SignalLook::~SignalLook() {
  if (child_ <= 0) return;
  kill(child_, SIGKILL);
  int status;
  while (waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
}

bool SignalLook::Step() {
  std::vector<char> piece(64 << 10);
  ssize_t got = 0;
  constexpr int kPieces = 16;
  bool too_large = false;
  for (int i = 0; i < kPieces && !too_large; ++i) {
    got = read(in_.get(), piece.data(), piece.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return false;
    if (got <= 0) break;
    bytes_.append(piece.data(), static_cast<size_t>(got));
    too_large = bytes_.size() > max_bytes_ + 1;
  }
  if (got > 0 && !too_large) return false;
  const char mark = bytes_.empty() ? '\0' : bytes_[0];
  if (!bytes_.empty()) bytes_.erase(0, 1);
  if (mark == kProfile && got == 0) return true;
  why_ = mark == kFailure ? bytes_ : "it was not looked at to the end";
  bytes_.clear();
  return true;
}

}  // namespace heapprof::tools::agent
