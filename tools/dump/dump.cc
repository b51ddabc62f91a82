// SPDX-License-Identifier: Apache-2.0
#include "tools/dump/dump.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/older_libc.h"
#include "tools/base/failure.h"
#include "tools/dump/dump_records.h"
#include "tools/dump/dump_signal.h"
#include "tools/process/options_text.h"
#include "tools/process/output_pattern.h"
#include "tools/process/process.h"
#include "tools/process/process_memory.h"

namespace heapprof::tools {

int SignalNumber(const std::string& text) {
  if (text == "none") return 0;
  char* end;
  const long number = std::strtol(text.c_str(), &end, 10);
  if (!text.empty() && *end == '\0' && number >= 0 && number <= SIGRTMAX) return static_cast<int>(number);
  const std::string name = text.rfind("SIG", 0) == 0 ? text.substr(3) : text;
  for (int signal = 1; signal < NSIG; ++signal) {
    const char* known = SignalAbbreviation(signal);
    if (known != nullptr && name == known) return signal;
  }
  throw Failure("no signal is called " + Printable(text));
}

namespace {

using Clock = std::chrono::steady_clock;

// Sees the files that get their names in a folder from now on.
class FolderWatch {
 public:
  explicit FolderWatch(const std::string& folder) : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (fd_ < 0) throw Failure("cannot watch for the file: " + ErrorText(errno));
    // A dump is renamed to its name when it is complete.
    if (inotify_add_watch(fd_, folder.c_str(), IN_MOVED_TO | IN_ONLYDIR) < 0) {
      const int error = errno;
      close(fd_);
      throw CannotWrite("cannot watch the folder " + Printable(folder) + ": " + ErrorText(error));
    }
  }
  ~FolderWatch() { close(fd_); }
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  int fd() const { return fd_; }

  // The first name among those that came that `pattern` gives; "" if there is none.
  std::string TakeMatch(const OutputPattern& pattern) {
    alignas(inotify_event) char events[16 << 10];
    ssize_t got;
    while ((got = read(fd_, events, sizeof events)) > 0) {
      for (ssize_t at = 0; at < got;) {
        const auto* event = reinterpret_cast<const inotify_event*>(events + at);
        if (event->len > 0 && pattern.Matches(event->name)) return event->name;
        at += static_cast<ssize_t>(sizeof *event + event->len);
      }
    }
    return "";
  }

 private:
  int fd_;
};

void CheckLibrary(const Process& process, const DumpRecords& records, bool force) {
  if (records.starting && records.started.empty()) {
    throw Failure(ProcessName(process) + " is still starting: try again in a moment");
  }
  if (!records.started.empty() || force || process.HasLibrary()) return;
  throw Failure(ProcessName(process) +
                " does not run under heapprof (start it with heapprof run, or see --force in heapprof(1))");
}

DumpRecords ReadRecords(const Process& process) try {
  return ReadDumpRecords(process);
} catch (const Failure& failure) {
  throw Failure(ProcessName(process) + " cannot be looked into (" + failure.what() +
                "): ask as its user, or as root");
}

// The record of the library whose handler can be expected, nullptr if none is known.
const PublishedRecord* MainRecord(const DumpRecords& records) {
  for (const PublishedRecord& published : records.started) {
    if (published.record.signal > 0) return &published;
  }
  return records.started.empty() ? nullptr : &records.started.front();
}

struct Expected {
  std::string output;
  int signal;
};

// What the request leaves open the library knows; where it cannot be asked, the environment does.
Expected ExpectedOf(const Process& process, const DumpRecords& records, const DumpRequest& request) {
  Expected expected = {request.output, request.signal.empty() ? -1 : SignalNumber(request.signal)};
  if (const PublishedRecord* published = MainRecord(records)) {
    const DumpRecord* record = &published->record;
    if (expected.output.empty()) expected.output = ReadString(process.living_thread(), record->output);
    if (expected.signal < 0) expected.signal = record->signal;
    if (expected.signal != record->signal) {
      throw Failure(ProcessName(process) + " dumps on " +
                    (record->signal == 0 ? "no signal" : SignalName(record->signal)) + ", not on " +
                    SignalName(expected.signal));
    }
  }
  if (!expected.output.empty() && expected.signal >= 0) return expected;
  const auto text = process.OptionsText();
  if (!text && expected.output.empty()) {
    throw Failure(ProcessName(process) +
                  " has written over its environment: name the pattern of its files by --output");
  }
  const auto options = ParseOptionText(text.value_or(""));
  const std::string* value = FindOption(options, "output");
  if (expected.output.empty())
    expected.output = value != nullptr && !value->empty() ? *value : kDefaultOutput;
  value = FindOption(options, "dump_signal");
  if (expected.signal < 0) expected.signal = SignalNumber(value != nullptr ? *value : "SIGUSR2");
  return expected;
}

std::string WhyNoFile(const Process& process, int signal) {
  if (process.IsStopped()) return "the process is stopped";
  if (process.HasPending(signal)) return "every thread of it blocks the signal";
  return "if it could not write, its own stderr says why; if it sets its output itself, name the pattern by "
         "--output";
}

// A file that is made there gets no name.
void CheckFolder(const Process& process, const std::string& folder) {
  struct stat status;
  if (stat(folder.c_str(), &status) != 0 || status.st_nlink > 0) return;
  // Of the process' current folder the kernel tells what it was called.
  std::error_code none;
  std::string name = std::filesystem::read_symlink(folder, none);
  const std::string mark = " (deleted)";
  if (none) name = folder;
  if (name.size() > mark.size() && name.compare(name.size() - mark.size(), mark.size(), mark) == 0)
    name.resize(name.size() - mark.size());
  throw CannotWrite(ProcessName(process) + " cannot write a file: its folder " + Printable(name) +
                    " has been deleted; nothing is sent");
}

// Errors: Failure: a dump has failed since `record` was read, as the process says.
void CheckNothingFailed(const Process& process, const PublishedRecord* record, const std::string& wanted) {
  if (record == nullptr || record->record.size < offsetof(DumpRecord, requests)) return;
  const uint64_t now = ReadDumpFailure(process, record->address);
  if (now == 0 || now == record->record.failure) return;
  const int error = static_cast<int>(now & UINT32_MAX);
  const bool helps = error == EACCES || error == EPERM || error == EROFS || error == ENOSPC;
  throw CannotWrite(ProcessName(process) + " could not write " + wanted + ": " + ErrorText(error) +
                    (helps ? "; start it with output=FOLDER/heapprof.%p.%n, a folder where it can" : ""));
}

// Waits until `watch` has seen a file of `pattern`. Errors: Failure: the process could not write, the time is
// over, the process has ended.
std::string AwaitFile(FolderWatch* watch, const OutputPattern& pattern, const Process& process,
                      const PublishedRecord* record, int signal, double seconds, const std::string& folder) {
  constexpr int kLookMillis = 50;
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  const std::string wanted = Printable(folder + "/" + pattern.name());
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waits[2] = {{watch->fd(), POLLIN, 0}, {process.pidfd(), POLLIN, 0}};
    // poll passes over a negative descriptor. Rounded up, so that the last millisecond does not spin.
    const int ready = poll(waits, 2,
                           left < 0              ? 0
                           : left >= kLookMillis ? kLookMillis
                                                 : static_cast<int>(left) + 1);
    if (ready < 0 && errno != EINTR) throw Failure("poll: " + ErrorText(errno));
    std::string found = watch->TakeMatch(pattern);
    if (!found.empty()) return found;
    if (waits[1].revents != 0 && ready > 0)
      throw Failure(ProcessName(process) + " ended before it wrote " + wanted);
    CheckNothingFailed(process, record, wanted);
    if (left < 0) {
      char time[32];
      std::snprintf(time, sizeof time, "%g", seconds);
      throw Failure(ProcessName(process) + " wrote no file " + wanted + " within " + time +
                    " s: " + WhyNoFile(process, signal));
    }
  }
}

// What the signal may ask for.
struct Asked {
  const char* profile;
  int32_t value;
  uint64_t bit;  // 0: the plain signal
  const char* suffix;
};
constexpr Asked kAsked[] = {{"heap", 0, 0, kHeapSuffix},
                            {"threads", kThreadsRequest, kThreadsRequestBit, kThreadsSuffix},
                            {"memory", kMemoryRequest, kMemoryRequestBit, kMemorySuffix},
                            {"peak", kPeakRequest, kPeakRequestBit, kPeakSuffix},
                            {"growth", kGrowthRequest, kGrowthRequestBit, kGrowthSuffix},
                            {"lifetimes", kLifetimesRequest, kLifetimesRequestBit, kLifetimesSuffix}};

const Asked& AskedOf(const std::string& profile) {
  for (const Asked& asked : kAsked) {
    if (profile == asked.profile) return asked;
  }
  const bool is_beside = profile == "block" || profile == "mutex",
             is_of_time = profile == "cpu" || profile == "wall";
  throw Failure("there is no profile " + Printable(profile) +
                (is_beside ? " by itself: with contention_interval set it is written beside each heap profile"
                 : is_of_time ? " of a moment: heapprof run --" + profile + " makes one of a run"
                              : ": it is heap, peak, growth, lifetimes, memory or threads"));
}

// Errors: Failure: the library there knows of no such request.
void CheckRequest(const Process& process, const PublishedRecord* published, uint64_t bit, const char* what) {
  const bool knows = published != nullptr && published->record.size >= offsetof(DumpRecord, place) &&
                     (published->record.requests & bit) != 0;
  if (!knows) {
    throw Failure(ProcessName(process) + " has a libheapprof that cannot be asked for its " + what +
                  ", older than this command; nothing is sent");
  }
}

}  // namespace

std::string RequestDump(const DumpRequest& request) {
  const Process process(Process::ProgramOf(static_cast<pid_t>(request.pid)));
  const DumpRecords records = ReadRecords(process);
  const bool is_plain = request.profile == "heap";
  if (!request.force || !is_plain) {
    CheckReadable(process, records, is_plain ? "; if its handler is the library's, say --force" : "");
  }
  CheckLibrary(process, records, request.force);
  const auto [output, signal] = ExpectedOf(process, records, request);
  if (signal == 0) {
    throw Failure(ProcessName(process) + " dumps on no signal: its dump_signal is 0; start it with another");
  }
  const Asked& asked = AskedOf(request.profile);
  if (asked.bit != 0) CheckRequest(process, MainRecord(records), asked.bit, asked.profile);
  const OutputPattern pattern(output, process.OwnPid(), process.ProgramNames(), asked.suffix);
  const std::string folder = process.FolderHere(pattern.folder());
  CheckFolder(process, folder);
  FolderWatch watch(folder);
  CheckDumpSignal(process, signal, records, request.force);
  const int error = asked.bit != 0 ? process.SendValue(signal, asked.value) : process.Send(signal);
  if (error != 0) {
    throw Failure(ProcessName(process) + " cannot be sent a signal: " + ErrorText(error));
  }
  const std::string name =
      AwaitFile(&watch, pattern, process, MainRecord(records), signal, request.timeout_seconds, folder);
  return (folder == "/" ? "" : folder) + "/" + name;
}

void Dump(const DumpRequest& request) { std::printf("%s\n", RequestDump(request).c_str()); }

}  // namespace heapprof::tools
