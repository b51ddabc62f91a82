// SPDX-License-Identifier: Apache-2.0
// The leak check of the option leak_check: at exit, or when the program asks for it first.
//
// Thread-safety: yes. Signal-safety: no. Allocates: mmap only, at start for the suppressions.
#ifndef HEAPPROF_LEAK_AT_EXIT_H_
#define HEAPPROF_LEAK_AT_EXIT_H_

#include "sampling/stop/stop_signal.h"

namespace heapprof::leak {

// Reads the suppressions and remembers where the report goes, as the program may change its folder. Called
// once by alloc/entry/init, when options are parsed and libc can be called.
void InstallLeakCheck();

// The whole check with its report, its files and its line about what went wrong. True if there are leaks, or
// if it could not be made.
bool CheckAndReport(const SavedRegisters& caller);

// At exit: writes out what streams hold, and ends the process with this status, whatever is still to run.
[[noreturn]] void EndWithStatus(int status);

// At exit, or by __lsan_do_leak_check: once in a process. Ends the process with the option exitcode if there
// are leaks.
void CheckOnce(const SavedRegisters& caller);

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_AT_EXIT_H_
