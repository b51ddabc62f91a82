// SPDX-License-Identifier: Apache-2.0
// The CPU sampler: where the program spends its CPU time, while a profile is asked for.
//
//   clock of a thread -> signal -> OnTick: walk, labels -> profile buffer -> StackCounts
//
// The handler walks the stack and appends a record to the buffer. There, or at the next tick, records of the
// same stack are merged: so memory follows the number of distinct stacks, not the time. The profiler has no
// thread of its own. Such a thread would keep rights that the program gives up, and a program with two
// threads may not unshare (docs/decisions/0016).
//
// A tick stands for the periods of CPU time that its thread has used since its last tick (thread_clock.h). So
// the totals are those of the CPU clocks. When a thread or the profile ends, some periods are left that no
// tick has reported. They are recorded with the stack of the thread's last tick, or, if it had none, under
// the function that the thread was started with, or, where that is not known, without a frame. The process's
// own clock shows still more than those of its threads: the work of the kernel at the ends of threads
// (`outside`).
//
// Thread-safety: Start and Stop are called by one at a time, with all signals blocked (profiles/cpu_profile
// holds a lock); the rest from any thread. Signal-safety: yes, all. Allocates: mmap only, within
// metadata_limit. Locks: kCpuClocks, for bounded time, with signals blocked; the handler takes none.
#ifndef HEAPPROF_SAMPLING_CPU_CPU_SAMPLER_H_
#define HEAPPROF_SAMPLING_CPU_CPU_SAMPLER_H_

#include <stdint.h>

#include "sampling/counts/stack_counts.h"
#include "sampling/cpu/thread_clock_set.h"

namespace heapprof::cpu {

// What a profile says; `stacks` count periods.
struct CpuProfile {
  const StackCounts* stacks;
  ClockKind kind;
  int hz;
  int64_t period;    // nanoseconds
  int64_t start;     // nanoseconds since the epoch
  int64_t duration;  // nanoseconds
  uint64_t samples;  // ticks recorded
  uint64_t lost;     // periods that found no room in the buffer
  uint64_t truncated, in_bare_code;
  uint64_t outside;    // periods of the kernel's work at threads' ends, which no clock tells of
  uint64_t ended;      // periods told of by the ends of threads, and by that of the profile
  uint64_t effective;  // samples of equal weight that would scatter as much
  bool signal_taken;   // past libc, so that no tick came any more and what was left has no places
};

// Begins a profile. 0; -EBUSY: one runs; -EINVAL: hz outside kMinCpuHz..kMaxCpuHz; -EEXIST: the program uses
// SIGPROF or ITIMER_PROF itself; -ENOMEM; -EPERM, or what else a seccomp filter answers: timers or the CPU
// clock are forbidden.
// `only_timers`: no clock may be a descriptor, as the caller's table of them is not the program's.
int Start(int hz, bool only_timers);
bool Running();
// Whether there is something to stop. False in a copy of the process (base/system/process_copy.h), and in a
// child of vfork, which shares the memory of the process whose profile it is.
bool HasProfile();
// Ends the clocks of the profile that runs, for good; Stop still hands over what it has. As Start and Stop.
void Halt();
// The profile that runs has ITIMER_PROF for its clock, which the program may set itself.
bool UsesProcessTimer();
void ProgramSetsProcessTimer();
// Ends it, and hands it to `use` before it is thrown away. -ENOENT: none runs.
int Stop(void (*use)(const CpuProfile& profile, void* argument), void* argument);

// Called once, when libc can be called.
void InitThreadEnds();
// First thing in a new thread, which will call `function`.
void ThreadBegins(void* (*function)(void*));

// Unblocks the ticks' signal in the calling thread.
void LetTicksIn();

// Whether a SIGPROF that came is a tick; late ones too, of profiles that have ended.
bool IsTick(const siginfo_t& info);

// Ticks that are pending while the calling thread blocks their signal, before the program takes that signal.
// What else is pending of it stays so.
void TakeBackPendingTicks();

// Of modules that dlclose unmaps; see sampling/module_watch.h. All signals are blocked.
bool HasLocationIn(uint64_t start, uint64_t limit);
void MoveLocations(uint64_t start, uint64_t limit, uint64_t to);

// Around exec* in this process. False: there is nothing to resume.
bool PauseForExec();
void ResumeAfterExec();

// All signals are blocked around these. PrepareFork: as a SpinLock's LockForFork.
bool PrepareFork();
void ParentAfterFork();
// A child, and a copy of the process (base/system/process_copy.h), has no profile; true: its parent had one.
bool ChildAfterFork();

struct CpuStats {
  uint64_t samples, lost, fallbacks;  // since the process began
};
CpuStats GetCpuStats();

}  // namespace heapprof::cpu

#endif  // HEAPPROF_SAMPLING_CPU_CPU_SAMPLER_H_
