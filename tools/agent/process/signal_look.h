// SPDX-License-Identifier: Apache-2.0
// The heap profile of a process that has no server, by its dump signal.
//
// As `heapprof watch` does it (tools/dump/look.h): nothing is sent unless the kernel says that the handler is
// the library's, and the files go into a private folder of the process' user. All of that waits, and changes
// the rights of who does it: a child does it, and hands the profile over through a pipe. Thread-safety: an
// object belongs to one thread. Errors: none; why() says it.
#ifndef HEAPPROF_TOOLS_AGENT_PROCESS_SIGNAL_LOOK_H_
#define HEAPPROF_TOOLS_AGENT_PROCESS_SIGNAL_LOOK_H_

#include <sys/types.h>

#include <string>

#include "tools/agent/process/held_process.h"

namespace heapprof::tools::agent {

class SignalLook {
 public:
  // Begins. `process` is used in the child only.
  SignalLook(const HeldProcess& process, double seconds, size_t max_bytes);
  ~SignalLook();
  SignalLook(const SignalLook&) = delete;
  SignalLook& operator=(const SignalLook&) = delete;

  int fd() const { return in_.get(); }
  // Never waits. True: it is over.
  bool Step();

  bool good() const { return why_.empty(); }
  const std::string& why() const { return why_; }
  std::string TakeProfile() { return std::move(bytes_); }

 private:
  OwnedFd in_;
  pid_t child_ = -1;
  size_t max_bytes_;
  std::string bytes_, why_;
};

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_PROCESS_SIGNAL_LOOK_H_
