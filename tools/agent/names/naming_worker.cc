// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/names/naming_worker.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "tools/agent/process/held_process.h"
#include "tools/symbols/demangle.h"
#include "tools/symbols/sources/debug_files.h"

namespace heapprof::tools::agent {
namespace {

constexpr long kCloseRange = 436;  // on all architectures; headers before Linux 5.9 have no name for it

constexpr size_t kMaxAnswer = 64 << 20;
constexpr char kFinished = 'E', kWhole = 'W', kPart = 'P';

template <typename T>
void Put(const T& value, std::string* bytes) {
  bytes->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void PutText(const std::string& text, std::string* bytes) {
  Put(static_cast<uint32_t>(text.size()), bytes);
  *bytes += text;
}

template <typename T>
bool Take(std::string_view* bytes, T* value) {
  if (bytes->size() < sizeof *value) return false;
  std::memcpy(value, bytes->data(), sizeof *value);
  bytes->remove_prefix(sizeof *value);
  return true;
}

bool TakeText(std::string_view* bytes, std::string* text) {
  uint32_t size;
  if (!Take(bytes, &size) || bytes->size() < size) return false;
  text->assign(bytes->data(), size);
  bytes->remove_prefix(size);
  return true;
}

void WriteAll(int fd, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t put = write(fd, bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) _exit(1);
    done += static_cast<size_t>(put);
  }
}

void Limit(__rlimit_resource what, rlim_t limit) {
  const rlimit both = {limit, limit};
  setrlimit(what, &both);
}

// Root becomes somebody else, for good.
bool DropRights(const NamingRequest& request) {
  if (geteuid() != 0) return true;
  struct stat status;
  if (fstat(request.file, &status) != 0) return false;
  constexpr uid_t kNobody = 65534;
  const bool for_all = (status.st_mode & S_IROTH) != 0;
  const uid_t user = for_all ? kNobody : request.user.user;
  const gid_t group = for_all ? kNobody : request.user.group;
  const std::vector<gid_t> groups = for_all ? std::vector<gid_t>() : request.user.groups;
  return syscall(SYS_setgroups, groups.size(), groups.data()) == 0 &&
         syscall(SYS_setresgid, group, group, group) == 0 && syscall(SYS_setresuid, user, user, user) == 0;
}

// In the child: keeps nothing but the file, as 3, and the pipe, as 4.
void LookUp(const NamingRequest& request, int out) {
  constexpr int kFile = 3, kOut = 4, kAway = 64;
  [[maybe_unused]] constexpr rlim_t kMaxMemory = rlim_t{2} << 30;
  Limit(RLIMIT_CPU, static_cast<rlim_t>(request.seconds) + 1);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which map terabytes
  Limit(RLIMIT_AS, kMaxMemory);
#endif
  Limit(RLIMIT_CORE, 0);
  if (!DropRights(request)) _exit(1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // other rights take it away
  const int file = fcntl(request.file, F_DUPFD, kAway), pipe_end = fcntl(out, F_DUPFD, kAway);
  if (dup2(file, kFile) < 0 || dup2(pipe_end, kOut) < 0) _exit(1);
  syscall(kCloseRange, kOut + 1, ~0U, 0);

  DebugFiles files(request.debug_paths, request.debuginfod);
  std::string reason;
  const auto symbols = files.Open("", request.build_id, {"/proc/self/fd/3"}, &reason);
  std::string bytes;
  for (const uint64_t offset : request.offsets) {
    std::vector<SourceFrame> frames;
    const auto address = symbols == nullptr ? std::nullopt : symbols->Unbias(offset, 0);
    if (address) frames = symbols->FramesAt(*address);
    for (SourceFrame& frame : frames) {
      if (frame.name.empty()) frame.name = Demangle(frame.symbol);
    }
    PackFrames(offset, symbols != nullptr && symbols->complete(), frames, &bytes);
    constexpr size_t kPiece = 32 << 10;
    if (bytes.size() < kPiece) continue;
    WriteAll(kOut, bytes);
    bytes.clear();
  }
  bytes += kFinished;
  WriteAll(kOut, bytes);
}

std::string ReadAnswer(int fd, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::string answer;
  std::vector<char> piece(64 << 10);
  while (answer.size() < kMaxAnswer) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd wait = {fd, POLLIN, 0};
    if (left <= 0) break;
    const int ready = poll(&wait, 1, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) break;
    if (ready <= 0) continue;
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    answer.append(piece.data(), static_cast<size_t>(got));
  }
  return answer;
}

}  // namespace

void PackFrames(uint64_t offset, bool whole, const std::vector<SourceFrame>& frames, std::string* bytes) {
  *bytes += whole ? kWhole : kPart;
  Put(offset, bytes);
  Put(static_cast<uint32_t>(frames.size()), bytes);
  for (const SourceFrame& frame : frames) {
    PutText(frame.symbol, bytes);
    PutText(frame.file, bytes);
    PutText(frame.name, bytes);
    Put(frame.line, bytes);
    Put(frame.start_line, bytes);
  }
}

void UnpackFrames(std::string_view bytes, FoundNames* found) {
  char mark;
  while (Take(&bytes, &mark)) {
    if (mark == kFinished) found->finished = true;
    if (mark != kWhole && mark != kPart) return;
    uint64_t offset;
    uint32_t count;
    if (!Take(&bytes, &offset) || !Take(&bytes, &count)) return;
    std::vector<SourceFrame> frames;
    for (; count != 0; --count) {
      SourceFrame frame;
      if (!TakeText(&bytes, &frame.symbol) || !TakeText(&bytes, &frame.file) ||
          !TakeText(&bytes, &frame.name) || !Take(&bytes, &frame.line) || !Take(&bytes, &frame.start_line)) {
        return;
      }
      frames.push_back(std::move(frame));
    }
    if (mark == kWhole) found->whole[offset] = frames;
    found->names[offset] = std::move(frames);
  }
}

FoundNames NameInWorker(const NamingRequest& request) {
  FoundNames found;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return found;
  OwnedFd in(ends[0]), out(ends[1]);
  const pid_t child = fork();
  if (child < 0) return found;
  if (child == 0) {
    try {
      LookUp(request, out.get());
    } catch (...) {
      _exit(1);  // out of memory
    }
    _exit(0);
  }
  out.Reset(-1);
  UnpackFrames(ReadAnswer(in.get(), request.seconds), &found);
  kill(child, SIGKILL);
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return found;
}

}  // namespace heapprof::tools::agent
