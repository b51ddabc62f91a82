// SPDX-License-Identifier: Apache-2.0
// CPU profiles: what starts and stops them, and their file.
//
// A profile is kept in memory while it runs, and written when it is stopped: to the descriptor that the call
// that started it gave, or to the next file of the pattern `output` with ".cpu.pb.gz" (option, signal). Files
// of CPU profiles have a count of their own.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never; memory is mapped when a profile starts.
#ifndef HEAPPROF_PROFILES_CPU_PROFILE_H_
#define HEAPPROF_PROFILES_CPU_PROFILE_H_

#include "proto/byte_sink.h"

namespace heapprof {

// For the C interface. 0 or -errno; see include/heapprof/heapprof.h.
int StartCpuProfile(int fd, int hz);
int StopCpuProfile();

// For peers: the same, but the profile is handed to `write` when it is stopped, at exit at the latest. That
// writes it, by means of 64 KiB at `workspace`, and returns 0 or -errno.
namespace cpu {
struct CpuProfile;
}
using CpuProfileWriter = int (*)(const cpu::CpuProfile& profile, void* workspace);
int StartCpuProfileFor(CpuProfileWriter write, int hz);
// For who takes the profile himself, when he ends it: for any other its end is -EBUSY meanwhile. At the end
// of the program it is thrown away. `only_timers`: the caller's descriptors are not the program's.
int StartCpuProfileForCaller(int hz, bool only_timers);
int StopCpuProfileForCaller(ByteSink* sink);

// Does what the options cpu_at_start and cpu_signal ask for. Called once, when libc can be called.
void InstallCpuTriggers();
// Stops the profile that runs and writes it; to a descriptor only if that is still the file that it was.
void StopCpuProfileAtExit();
// The program takes what makes the ticks; `what` says what it did. The profile ends, and is written: to its
// file at once, to a descriptor when it is stopped.
void CpuProfileLosesItsSignal(const char* what);
// The child has no profile, but begins one if all of its parent's life is profiled (cpu_at_start), unless it
// is a copy of the process that is found out only now.
void CpuProfileAfterForkInChild(bool copied);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_CPU_PROFILE_H_
