// SPDX-License-Identifier: Apache-2.0
// A leak check: stops the world, marks what can be reached, and reports what cannot.
//
// Thread-safety: yes, one check at a time. Signal-safety: no. Allocates: mmap only, on a stack of its own;
// blocks all signals meanwhile. Needs every allocation recorded (sample_interval=1) since the start:
// otherwise a block that was not recorded hides what it points to.
#ifndef HEAPPROF_LEAK_CHECK_H_
#define HEAPPROF_LEAK_CHECK_H_

#include <stddef.h>
#include <stdint.h>

#include "leak/report/findings.h"
#include "leak/report/suppressions.h"
#include "proto/memory_sink.h"
#include "sampling/stop/stop_signal.h"

namespace heapprof::leak {

struct CheckRequest {
  uint32_t since = 0;             // the scope's epoch; 0: all blocks
  bool list_live = false;         // report what is still allocated but reached, too
  bool whole_report = true;       // with heading, summary and suppressions, or the findings alone
  MemorySink* text = nullptr;     // where the report goes; nullptr: none is made
  const char* profile = nullptr;  // the file of the leaks' profile, written if there are leaks; nullptr: none
};

struct CheckResult {
  uint64_t leaked_blocks = 0, leaked_bytes = 0;
  uint64_t live_blocks = 0, live_bytes = 0;  // reached, of the request's epoch; counted if list_live is set
  size_t running_threads = 0;                // could not be stopped
  int running_thread = 0;                    // one of them
  int profile_error = 0;
};

// Calls function(argument, caller) on a stack that is not the program's. `caller` are the registers where the
// program called us (CallWithRegisters): what lies above its stack pointer is searched for pointers, and our
// own frames would hold what the program's last calls left there.
void OnCheckStack(void (*function)(void* argument, const SavedRegisters& caller), void* argument,
                  const SavedRegisters& caller);

// To be called on that stack. 0; -ENODATA: not every allocation was recorded; -EBUSY: a thread could
// not be stopped; -EOPNOTSUPP: the program's malloc is not ours; another -errno: no memory, or
// no /proc.
int RunCheck(const CheckRequest& request, const SavedRegisters& caller, CheckResult* result);

// The blocks of the program are not recorded here: there will be no verdict.
void ProgramHasOwnMalloc();

// The process' suppressions: filled at start, read by checks.
Suppressions& ProcessSuppressions();

// The parent's part of fork: a thread that holds locks with all signals blocked, and waits for others, cannot
// be stopped, nor can it go on beside stopped ones. Blocks all signals and returns the mask before, which the
// caller restores after LetChecksRun. The child has its own part.
uint64_t HoldChecksOff();
void LetChecksRun();
void CheckAfterForkInChild();

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_CHECK_H_
