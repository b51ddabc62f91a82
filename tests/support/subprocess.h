// SPDX-License-Identifier: Apache-2.0
// Programs run by tests, under a watchdog.
//
// A program runs in a process group of its own, which is killed when the time is over and when the program
// has ended, so that no test leaves anything behind. Before a kill the stacks of the whole group are printed
// through gdb (where it is installed): a deadlock is then explained by the log of the test alone.
//
// Thread-safety: an object belongs to one thread. Allocates: yes; this is code of tests.
#ifndef HEAPPROF_TESTS_SUPPORT_SUBPROCESS_H_
#define HEAPPROF_TESTS_SUPPORT_SUBPROCESS_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace heapprof::test {

// What to run. A plain value.
struct Command {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  // Added to the environment of the test, out of which HEAPPROF_*, LD_PRELOAD, MALLOC_CONF and
  // DEBUGINFOD_URLS were taken, with a XDG_CACHE_HOME in which nothing can be kept.
  std::vector<std::pair<std::string, std::string>> env;
  std::string directory;              // working directory; empty: that of the test
  int timeout_seconds = 60;           // until the watchdog ends the program
  std::function<void()> before_exec;  // in the child, last thing: limits, credentials, descriptors
};

struct Result {
  std::string out;         // standard output, whole
  std::string err;         // standard error, whole
  int exit_status = -1;    // -1: ended by a signal
  int signal = 0;          // 0: ended by exit
  bool timed_out = false;  // the watchdog ended it; `err` then closes with the stacks
  double seconds = 0;

  bool ok() const { return exit_status == 0 && !timed_out; }
  // One paragraph for the failure message of a test.
  std::string Describe() const;
};

// A program that runs beside the test.
class Process {
 public:
  explicit Process(const Command& command);
  ~Process();  // kills the group
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // Reads until standard output holds `text`. False: the program ended or its time was over first.
  bool WaitForOutput(const std::string& text);
  // Reads until standard error holds `text`, likewise.
  bool WaitForError(const std::string& text);
  // Reads to the end of the program.
  Result Wait();
  // The watchdog acts now, whatever time is left.
  Result Expired();
  const Result& so_far() const { return result_; }

 private:
  bool PumpUntil(const std::function<bool()>& done);
  void ReadAvailable(int* fd, std::string* into);
  void Reap();
  void Expire();

  pid_t pid_ = -1;
  int pid_fd_ = -1, out_fd_ = -1, err_fd_ = -1;
  double started_ = 0, deadline_ = 0;
  bool ended_ = false;
  Result result_;
};

// Runs `command` to its end.
Result RunProgram(const Command& command);

// A port of the loopback device that nobody listens on; 0 if there is none to be had.
int FreePort();

// True if `program` can be found in PATH.
bool HaveProgram(const std::string& program);

// The factor by which long forms of tests are longer (environment HEAPPROF_SOAK, 1 without).
int SoakFactor();

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SUPPORT_SUBPROCESS_H_
