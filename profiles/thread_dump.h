// SPDX-License-Identifier: Apache-2.0
// The profile "threads": taken and written at once, to a descriptor or to where a signal's goes.
//
// Thread-safety: callers hold the dump lock. Signal-safety: yes. Allocates: mmap only, for the call.
#ifndef HEAPPROF_PROFILES_THREAD_DUMP_H_
#define HEAPPROF_PROFILES_THREAD_DUMP_H_

#include <stddef.h>

#include "profiles/threads/thread_list.h"
#include "proto/byte_sink.h"

namespace heapprof {

size_t ThreadDumpWorkspaceSize();

// Forms of heapprof_write_profile, and one more: the proto form with details.
inline constexpr int kThreadDetails = 3;
// `workspace` is zeroed memory. 0 or -errno.
int WriteThreads(const OwnStack& own, int debug, ByteSink* sink, void* workspace);

// On thread_dump_signal: text to LOG_PATH.PID.threads.txt, behind what is there, or to stderr; where that is
// of no use, to a file by the option `output`. Says on stderr what went wrong. 0 or -errno.
int DumpThreadText(const OwnStack& own, void* workspace);
// What `heapprof threads` asks for: a file by `output`, with details.
int DumpThreadFile(const OwnStack& own, void* workspace);

void ThreadDumpsAfterForkInChild();

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_THREAD_DUMP_H_
