// SPDX-License-Identifier: Apache-2.0
// Writing a profile now, whoever asks: one dump at a time, with all signals blocked, on a stack of its own.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_DUMP_H_
#define HEAPPROF_PROFILES_DUMP_H_

#include <stdint.h>

namespace heapprof {

// Maps the memory that dumps need, so that one is possible when the program has used up its address space.
void MapDumpMemory();

// Writes the heap profile to `path`, or to the next name of the pattern `output` when path is null.
// Returns 0 or -errno; says on stderr what went wrong.
int DumpHeap(const char* path);

// The same to the next name of the pattern, from a signal's handler. When a dump is under way, whoever writes
// it writes this one after it.
void DumpOnSignal();

// For heapprof_write_profile.
int WriteProfile(const char* name, int fd, int debug);

// For heapprof_interval_end.
struct EarlierCounts;
int WriteInterval(const EarlierCounts& earlier, int fd);

// Counts a profile that was written, or the error that it ended in.
void CountDump(int error);

struct DumpStats {
  uint64_t dumps, failed_dumps;
};
DumpStats GetDumpStats();

// The child's part of fork: the file counter starts anew and a dump that the parent had under way is
// forgotten.
void DumpsAfterForkInChild();

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_DUMP_H_
