// SPDX-License-Identifier: Apache-2.0
// Whether a process may be sent its dump signal: never one that would end it, or wake a handler of its own.
//
// Thread-safety: none is needed.
#ifndef HEAPPROF_TOOLS_DUMP_DUMP_SIGNAL_H_
#define HEAPPROF_TOOLS_DUMP_DUMP_SIGNAL_H_

#include <string>

#include "tools/dump/dump_records.h"
#include "tools/process/process.h"

namespace heapprof::tools {

// "process 12", for messages.
std::string ProcessName(const Process& process);
// "SIGUSR2"; "signal 40" where it has no name.
std::string SignalName(int signal);

// `records`: what the process publishes. `force`: whose handler it is may stay unknown.
// Errors: Failure, which says what to do; nothing was sent.
void CheckDumpSignal(const Process& process, int signal, const DumpRecords& records, bool force);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_DUMP_DUMP_SIGNAL_H_
