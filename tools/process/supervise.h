// SPDX-License-Identifier: Apache-2.0
// A program as a child of the command, for what is to be done when it has ended.
//
// Signals that are sent to the command go on to the program; those of the terminal reach it by themselves.
// As the first process of a PID namespace (in a container) the command reaps the processes that lost their
// parents. The program dies with the command, should that be killed. Thread-safety: none is needed.
#ifndef HEAPPROF_TOOLS_PROCESS_SUPERVISE_H_
#define HEAPPROF_TOOLS_PROCESS_SUPERVISE_H_

#include <sys/types.h>

#include <functional>

namespace heapprof::tools {

// How a program ended: what waitpid says.
struct Ended {
  pid_t pid = 0;
  int wait_status = 0;
};

// Runs `become` in a child; it does not return (a Failure ends the child with its status and its line on
// stderr). Returns when the child has ended. Errors: Failure: no process can be made.
Ended Supervise(const std::function<void()>& become);

// Ends this process as the program ended: with its exit status, or by its signal.
[[noreturn]] void EndLike(const Ended& ended);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_SUPERVISE_H_
