// SPDX-License-Identifier: Apache-2.0
// Another process, as /proc shows it.
//
// Thread-safety: an object belongs to one thread. What it says was true when it was read; the process goes
// on.
#ifndef HEAPPROF_TOOLS_PROCESS_PROCESS_H_
#define HEAPPROF_TOOLS_PROCESS_PROCESS_H_

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace heapprof::tools {

class Process {
 public:
  // `pid` may be any thread's. Errors: Failure: there is no such process, or it has ended.
  explicit Process(pid_t pid);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // A thread of it that has not ended: the first one may have, by pthread_exit.
  pid_t living_thread() const { return living_; }
  std::vector<pid_t> Threads() const;
  // A line of /proc/PID/task/TID/status; "" where there is none, or the thread has ended.
  std::string ThreadStatus(pid_t thread, const char* field) const;
  // A descriptor that becomes readable when the process ends; -1 where the kernel has none.
  int pidfd() const { return pidfd_; }

  // True if the shared library is mapped, or the program carries it (which only an unstripped program shows).
  // Errors: Failure: the process may not be looked into.
  bool HasLibrary() const;

  bool Catches(int signal) const { return InMask("SigCgt", signal); }
  bool Ignores(int signal) const { return InMask("SigIgn", signal); }
  // True if a thread takes the signal by itself: it waits in sigwait, or there is a signalfd for it.
  bool WaitsFor(int signal) const;
  // True if no thread has it unblocked.
  bool Blocks(int signal) const;
  // Sent, but not delivered yet: every thread blocks it, or the process is stopped.
  bool HasPending(int signal) const { return InMask("ShdPnd", signal); }
  bool IsStopped() const;

  // True if a debugger or strace holds it.
  bool IsTraced() const { return Status("TracerPid") != "0"; }
  // True if it has seccomp filters that this process has not; those of a container, which cannot be dropped,
  // both have.
  bool HasOwnSeccompFilter() const;
  // The starts of the mapped files, from their first byte on: where ELF files have their headers.
  // Errors: Failure: the process may not be looked into.
  std::vector<uint64_t> MappedFiles() const;

  // The program that a `heapprof run` runs; the process itself where it is none. Errors: Failure: it is the
  // watcher of a wall-clock profile.
  static pid_t ProgramOf(pid_t pid);

  // The pid in the process' own namespace, which its file names have.
  pid_t OwnPid() const;
  // What %e may be in its file names.
  std::vector<std::string> ProgramNames() const;
  // A variable as it was when the program started, "" if there was none. No value: its environment cannot be
  // read, or was written over by the program (to show another title, as redis-server does) and is lost to its
  // memory too.
  std::optional<std::string> Variable(const std::string& name) const;
  std::optional<std::string> OptionsText() const { return Variable("HEAPPROF_OPTIONS"); }
  // A name under which this process finds `folder`, which `pid` knows by that name ("" = its current folder).
  std::string FolderHere(const std::string& folder) const;

  // Errors: an errno value.
  int Send(int signal) const;
  // As sigqueue() does, with a value.
  int SendValue(int signal, int value) const;

 private:
  std::string File(const char* name) const;
  std::string Status(const char* field) const;
  bool IsInSigwait(pid_t thread, int signal) const;
  bool InMask(const char* field, int signal) const;
  bool SendByDescriptor(int signal, const siginfo_t* info) const;

  pid_t pid_;
  pid_t living_;
  int pidfd_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_PROCESS_H_
