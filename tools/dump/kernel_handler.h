// SPDX-License-Identifier: Apache-2.0
// The handler that another process has for a signal, asked of the kernel.
//
// /proc shows that a signal is caught, not by whom. So a thread of the process is stopped, makes one system
// call (rt_sigaction, which changes nothing), and goes on where it was: as a debugger calls a function.
// It takes well under a millisecond. A thread that waits in a call which never is restarted (epoll_wait)
// gets EINTR, as of a stop and SIGCONT; others are asked first.
// Thread-safety: none is needed.
#ifndef HEAPPROF_TOOLS_DUMP_KERNEL_HANDLER_H_
#define HEAPPROF_TOOLS_DUMP_KERNEL_HANDLER_H_

#include <cstdint>
#include <string>

#include "tools/process/process.h"

namespace heapprof::tools {

struct KernelHandler {
  bool known = false;
  uint64_t address = 0;  // SIG_DFL and SIG_IGN are 0 and 1
  std::string why_not;   // it is not known
};

// `system_call` is the address of a function of the process with a system call in it, `answer` of 32 bytes
// that it does not use.
KernelHandler AskKernelHandler(const Process& process, int signal, uint64_t system_call, uint64_t answer);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_DUMP_KERNEL_HANDLER_H_
