// SPDX-License-Identifier: Apache-2.0
// Writing a profile now, whoever asks: one dump at a time, with all signals blocked, on a stack of its own.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_DUMP_H_
#define HEAPPROF_PROFILES_DUMP_H_

#include <stdint.h>

#include "proto/byte_sink.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/unwind/caller_frame.h"

namespace heapprof {

// Maps the memory that dumps need, so that one is possible when the program has used up its address space.
void MapDumpMemory();

// Writes the heap profile to `path`, or to the next name of the pattern `output` when path is null.
// Returns 0 or -errno; says on stderr what went wrong.
int DumpHeap(const char* path);
// The same of the profile `lifetimes`, by the pattern.
int DumpLifetimes();

// What a signal may ask for: the heap profile to the next name of the pattern, the threads' stacks as text to
// where thread_dump_signal says, or to a file with details; or the profiles `memory`, `peak`, `growth` or
// `lifetimes` to a file.
enum class SignalDump : uint32_t {
  kHeap = 1,
  kThreadText = 2,
  kThreadFile = 4,
  kMemory = 8,
  kPeak = 16,
  kGrowth = 32,
  kLifetimes = 64,
  kLook = 128,  // memory and heap, to where the record says (base/dump_record.h)
};
// From a signal's handler; `context` is its third argument. When a dump is under way, whoever writes it
// writes this one after it.
void DumpOnSignal(SignalDump kind, const void* context);

// The same in the slow path of an allocation. errno is kept.
void DumpOnTrigger();

// For heapprof_write_profile.
int WriteProfile(const char* name, int fd, int debug);

// The same into a sink, which is called under the dump lock: it waits for nobody.
int WriteProfileTo(const char* name, ByteSink* sink, int debug, const CallerFrame& caller);
// By the library's own thread, whose stack is no part of the profile, and which does not call the allocator.
int WriteProfileByOwnThread(const NamedProfile& profile, ByteSink* sink, int debug);

// For heapprof_interval_end.
struct EarlierCounts;
int WriteInterval(const EarlierCounts& earlier, int fd);

// How many heap dumps by the pattern are kept, from the next one on; 0: all.
void KeepDumps(uint64_t files);
uint64_t KeptDumps();

// Calls write(argument, workspace) as a dump is written: one at a time, with all signals blocked, on the
// dump's stack, with a workspace for every heap profile. Returns what it returns, 0 or -errno.
int RunAsDump(int (*write)(void* argument, void* workspace), void* argument);

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
