// SPDX-License-Identifier: Apache-2.0
// A copy of stderr for what is written after the program has closed its own, or sent it to /dev/null:
// programs of gnulib (coreutils, ...) close stderr in an exit handler, daemons at their start.
//
// The copy has a number above those that programs count on, and is closed by exec. A program that closes all
// descriptors closes it too; a file that has its number then is left alone.
// Thread-safety: yes, but for KeepStderr. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_SYSTEM_KEPT_STDERR_H_
#define HEAPPROF_BASE_SYSTEM_KEPT_STDERR_H_

namespace heapprof {

// Once, at start. Where stderr is closed or no descriptor is left there is no copy.
void KeepStderr();

// Where lines and reports go now: 2, or the copy where 2 is of no use and the copy is what it was.
int StderrNow();

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_KEPT_STDERR_H_
