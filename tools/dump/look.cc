// SPDX-License-Identifier: Apache-2.0
#include "tools/dump/look.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <vector>

#include "base/dump_record.h"
#include "tools/base/failure.h"
#include "tools/dump/dump_records.h"
#include "tools/dump/dump_signal.h"
#include "tools/process/output_pattern.h"
#include "tools/process/process_memory.h"

namespace heapprof::tools {
namespace {

using Clock = std::chrono::steady_clock;

DumpRecords ReadRecords(const Process& process) try {
  return ReadDumpRecords(process);
} catch (const Failure& failure) {
  throw Failure(ProcessName(process) + " cannot be looked into (" + failure.what() +
                "): ask as its user, or as root");
}

// Errors: Failure: it has none that can be asked for a look.
PublishedRecord RecordOf(const Process& process, const DumpRecords& records) {
  CheckReadable(process, records);
  if (records.started.empty()) {
    throw Failure(ProcessName(process) + (records.starting
                                              ? " is still starting: try again in a moment"
                                              : " does not run under heapprof (start it with heapprof run)"));
  }
  for (const PublishedRecord& published : records.started) {
    const DumpRecord& record = published.record;
    if (record.signal <= 0) continue;
    if (record.size < sizeof record || (record.requests & kLookRequestBit) == 0) {
      throw Failure(ProcessName(process) +
                    " has a libheapprof that cannot be watched, older than this command");
    }
    return published;
  }
  throw Failure(ProcessName(process) + " dumps on no signal: its dump_signal is 0; start it with another");
}

// While it exists no other command looks: there is one place to say where the files go, and a signal that is
// sent before the last was taken is lost. Whoever does not let go is not waited for.
class Turn {
 public:
  Turn(const Process& process, double seconds, int cancel)
      : fd_(open(("/proc/" + std::to_string(process.pid())).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    const auto deadline =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    constexpr int kPauseMillis = 2;
    while (fd_ >= 0 && flock(fd_, LOCK_EX | LOCK_NB) != 0 && Clock::now() < deadline) {
      pollfd wait = {cancel, POLLIN, 0};
      if (poll(&wait, 1, kPauseMillis) > 0) break;
    }
  }
  ~Turn() {
    if (fd_ >= 0) close(fd_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  int fd_;
};

bool Exists(const std::string& file) {
  struct stat status;
  return lstat(file.c_str(), &status) == 0;
}

}  // namespace

PrivateFolder::PrivateFolder(const Process& process) : user_(FileUserOf(process)) {
  std::vector<std::string> parents = {"/tmp", "/var/tmp"};
  const DumpRecords records = ReadRecords(process);
  if (!records.started.empty()) {
    const std::string output = ReadString(process.living_thread(), records.started.front().record.output);
    const size_t slash = output.rfind('/');
    // A folder is told of by its whole name.
    if (!output.empty() && output[0] == '/' && slash != 0) parents.push_back(output.substr(0, slash));
  }
  for (const std::string& parent : parents) {
    if (Make(process, parent)) return;
  }
  throw Failure("no private folder can be made for the profiles of " + ProcessName(process) + ": " +
                ErrorText(errno));
}

// What stands at the end of `parent` is no link: that would be followed here, and not where the process is.
bool PrivateFolder::Make(const Process& process, const std::string& parent) {
  const std::string parent_here = process.FolderHere(parent);
  struct stat status;
  if (lstat(parent_here.c_str(), &status) != 0) return false;
  if (!S_ISDIR(status.st_mode)) {
    errno = ENOTDIR;
    return false;
  }
  const FileRights rights(user_);
  if (!rights.taken()) return false;
  std::string name = parent_here + "/heapprof-watch.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) return false;  // with the rights 0700
  here_ = name;
  there_ = parent + name.substr(parent_here.size());
  // Its user is the process', or it is of no use.
  struct stat made;
  if (stat(here_.c_str(), &made) != 0 || made.st_uid != user_.user) {
    rmdir(here_.c_str());
    here_.clear();
    errno = EPERM;
    return false;
  }
  if (there_.size() + std::strlen("/look") < kPlaceSize) return true;
  rmdir(here_.c_str());
  here_.clear();
  errno = ENAMETOOLONG;
  return false;
}

PrivateFolder::~PrivateFolder() { Remove(); }

void PrivateFolder::Remove() const {
  if (here_.empty()) return;
  RemoveFiles();
  const FileRights rights(user_);
  if (rights.taken()) rmdir(here_.c_str());
}

void PrivateFolder::RemoveFiles() const {
  const FileRights rights(user_);
  if (!rights.taken()) return;
  for (const char* file : {"/look.memory.pb.gz", "/look.heap.pb.gz"}) unlink((here_ + file).c_str());
}

Looker::Looker(long pid, double timeout_seconds, int cancel)
    : process_(Process::ProgramOf(static_cast<pid_t>(pid))),
      timeout_(timeout_seconds),
      cancel_(cancel),
      folder_((RecordOf(process_, ReadRecords(process_)), process_)) {}

Looker::Outcome Looker::Look() {
  RemoveFiles();
  const Turn turn(process_, timeout_, cancel_);
  pollfd begin[2] = {{process_.pidfd(), POLLIN, 0}, {cancel_, POLLIN, 0}};
  poll(begin, 2, 0);
  if (begin[0].revents != 0) return Outcome::kEnded;
  if (begin[1].revents != 0) return Outcome::kCancelled;
  // The process would complain of it, on its own stderr.
  if (!Exists(folder_.here())) {
    throw Failure("the private folder " + Printable(folder_.here()) + " has been removed: start again");
  }
  const DumpRecords records = ReadRecords(process_);
  const PublishedRecord published = RecordOf(process_, records);
  const int signal = published.record.signal;
  CheckDumpSignal(process_, signal, records, false);
  const std::string place = folder_.there() + "/look";
  if (WriteMemory(process_.living_thread(), published.record.place, place.c_str(), place.size() + 1) !=
      place.size() + 1) {
    throw Failure(ProcessName(process_) + " cannot be told where to write: " + ErrorText(errno));
  }
  if (const int error = process_.SendValue(signal, kLookRequest); error != 0) {
    if (error == ESRCH) return Outcome::kEnded;
    throw Failure(ProcessName(process_) + " cannot be sent a signal: " + ErrorText(error));
  }
  auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_));
  bool cancelled = false;
  // The heap comes last.
  while (!Exists(heap_file())) {
    constexpr int kLookMillis = 5;
    pollfd waits[2] = {{process_.pidfd(), POLLIN, 0}, {cancelled ? -1 : cancel_, POLLIN, 0}};
    poll(waits, 2, kLookMillis);
    if (waits[0].revents != 0) return Outcome::kEnded;
    if (waits[1].revents != 0) {
      // What was asked for is waited for a moment more: a process whose folder has gone complains of it.
      constexpr auto kMoment = std::chrono::seconds(1);
      cancelled = true;
      if (Clock::now() + kMoment < deadline) deadline = Clock::now() + kMoment;
    }
    const uint64_t failure = ReadDumpFailure(process_, published.address);
    if (failure != 0 && failure != published.record.failure) {
      throw Failure(ProcessName(process_) +
                    " could not write its profiles: " + ErrorText(static_cast<int>(failure & UINT32_MAX)));
    }
    if (Clock::now() < deadline) continue;
    if (cancelled) return Outcome::kCancelled;
    throw Failure(ProcessName(process_) + " does not answer: " +
                  (process_.IsStopped()          ? "it is stopped"
                   : process_.HasPending(signal) ? "every thread of it blocks the signal"
                                                 : "its own stderr may say why"));
  }
  return cancelled ? Outcome::kCancelled : Outcome::kSeen;
}

}  // namespace heapprof::tools
