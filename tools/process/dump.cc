#include "tools/process/dump.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/base/failure.h"
#include "tools/process/options_text.h"
#include "tools/process/output_pattern.h"
#include "tools/process/process.h"

namespace heapprof::tools {

int SignalNumber(const std::string& text) {
  if (text == "none") return 0;
  char* end;
  const long number = std::strtol(text.c_str(), &end, 10);
  if (!text.empty() && *end == '\0' && number >= 0 && number <= SIGRTMAX) return static_cast<int>(number);
  const std::string name = text.rfind("SIG", 0) == 0 ? text.substr(3) : text;
  for (int signal = 1; signal < NSIG; ++signal) {
    const char* known = sigabbrev_np(signal);
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
      throw Failure("cannot watch the folder " + Printable(folder) + ": " + ErrorText(error));
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

std::string ProcessName(const Process& process) { return "process " + std::to_string(process.pid()); }

void CheckLibrary(const Process& process, bool force) {
  bool carries;
  try {
    carries = process.HasLibrary();
  } catch (const Failure& failure) {
    throw Failure(ProcessName(process) + " cannot be looked into: " + failure.what());
  }
  if (carries || force) return;
  throw Failure(ProcessName(process) +
                " does not run under heapprof (if it has the library linked in and its symbols stripped, say "
                "--force)");
}

void CheckSignal(const Process& process, int signal) {
  if (signal == 0) throw Failure(ProcessName(process) + " dumps on no signal: its dump_signal is 0");
  if (process.Catches(signal)) return;
  const char* name = sigabbrev_np(signal);
  throw Failure(ProcessName(process) + " does not catch SIG" +
                (name != nullptr ? name : std::to_string(signal)) +
                "; it is not sent, as it could end the process");
}

std::string WhyNoFile(const Process& process, int signal) {
  if (process.IsStopped()) return "the process is stopped";
  if (process.HasPending(signal)) return "every thread of it blocks the signal";
  return "if it could not write, its own stderr says why; if it sets its output itself, name the pattern by "
         "--output";
}

// Waits until `watch` has seen a file of `pattern`. Errors: Failure: the time is over, the process has ended.
std::string AwaitFile(FolderWatch* watch, const OutputPattern& pattern, const Process& process, int signal,
                      double seconds, const std::string& folder) {
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  const std::string wanted = Printable(folder + "/" + pattern.name());
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waits[2] = {{watch->fd(), POLLIN, 0}, {process.pidfd(), POLLIN, 0}};
    // poll passes over a negative descriptor. Rounded up, so that the last millisecond does not spin.
    const int ready = poll(waits, 2, left < 0 ? 0 : left >= INT_MAX ? INT_MAX : static_cast<int>(left) + 1);
    if (ready < 0 && errno != EINTR) throw Failure("poll: " + ErrorText(errno));
    const std::string found = watch->TakeMatch(pattern);
    if (!found.empty()) return found;
    if (waits[1].revents != 0 && ready > 0)
      throw Failure(ProcessName(process) + " ended before it wrote " + wanted);
    if (left < 0) {
      char time[32];
      std::snprintf(time, sizeof time, "%g", seconds);
      throw Failure(ProcessName(process) + " wrote no file " + wanted + " within " + time +
                    " s: " + WhyNoFile(process, signal));
    }
  }
}

}  // namespace

void Dump(const DumpRequest& request) {
  const Process process(Process::ProgramOf(static_cast<pid_t>(request.pid)));
  CheckLibrary(process, request.force);

  std::string output = request.output, signal_name = request.signal;
  if (output.empty() || signal_name.empty()) {
    const auto text = process.OptionsText();
    if (!text && output.empty()) {
      throw Failure(ProcessName(process) +
                    " has written over its environment: name the pattern of its files by --output");
    }
    const auto options = ParseOptionText(text.value_or(""));
    const std::string* value = FindOption(options, "output");
    if (output.empty()) output = value != nullptr && !value->empty() ? *value : kDefaultOutput;
    value = FindOption(options, "dump_signal");
    if (signal_name.empty()) signal_name = value != nullptr ? *value : "SIGUSR2";
  }
  const int signal = SignalNumber(signal_name);
  CheckSignal(process, signal);

  const OutputPattern pattern(output, process.OwnPid(), process.ProgramNames());
  const std::string folder = process.FolderHere(pattern.folder());
  FolderWatch watch(folder);
  if (const int error = process.Send(signal); error != 0) {
    throw Failure(ProcessName(process) + " cannot be sent a signal: " + ErrorText(error));
  }
  const std::string name = AwaitFile(&watch, pattern, process, signal, request.timeout_seconds, folder);
  std::printf("%s/%s\n", folder == "/" ? "" : folder.c_str(), name.c_str());
}

}  // namespace heapprof::tools
