// What makes a profile be written: a signal, the program's end, a call.
//
// Thread-safety: yes. Signal-safety: Dump and WriteProfile, yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_TRIGGERS_H_
#define HEAPPROF_PROFILES_TRIGGERS_H_

#include <stdint.h>

namespace heapprof {

// Installs the signal handler and the exit hooks that the options ask for. Called once by alloc/entry/init,
// when options are parsed and libc can be called.
void InstallTriggers();

// The child's part of fork: the file counter starts anew and a dump that the parent had under way is
// forgotten.
void TriggersAfterForkInChild();

// Writes the heap profile to `path`, or to the next name of the pattern `output` when path is null.
// Returns 0 or -errno; says on stderr what went wrong.
int DumpHeap(const char* path);

// For heapprof_write_profile.
int WriteProfile(const char* name, int fd, int debug);

// Installs `handler` for a signal that makes a dump, unless the program has one of its own there.
void InstallHandler(int number, void (*handler)(int));

// Counts a profile that was written, or the error that it ended in.
void CountDump(int error);

struct DumpStats {
  uint64_t dumps, failed_dumps;
};
DumpStats GetDumpStats();

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_TRIGGERS_H_
