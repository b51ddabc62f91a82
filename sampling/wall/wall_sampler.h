// SPDX-License-Identifier: Apache-2.0
// The wall-clock sampler: where the program's threads spend real time, running or not, while a profile is
// asked for.
//
//   watcher process (watcher.h) -> looks at threads -> StackCounts
//
// Thread-safety: Start and Stop are called by one at a time, with all signals blocked (profiles/wall_profile
// holds a lock); the rest from any thread. Signal-safety: yes, all. Allocates: mmap only, within
// metadata_limit. Lock: kWallWatcher, held while the watcher is started or ended, with signals blocked.
#ifndef HEAPPROF_SAMPLING_WALL_WALL_SAMPLER_H_
#define HEAPPROF_SAMPLING_WALL_WALL_SAMPLER_H_

#include <stdint.h>

#include <atomic>

#include "sampling/counts/stack_counts.h"
#include "sampling/wall/given_up.h"

namespace heapprof::wall {

// What a profile says; `counts` count ticks, whose labels are LabelsWithKind (wall_session.h).
struct WallProfile {
  const StackCounts* counts;
  int hz;
  int64_t period, start, duration;
  uint64_t samples, lost, stacks, truncated, in_bare_code, stops, refused, unwatched, late;
  bool rights_changed;  // past libc, where the profile ended
  GivenUp given_up;     // likewise
  int not_resumed;      // the error for which none watched after a change of rights
  bool killed;          // the watcher
};

// Begins a profile. 0; -EBUSY: one runs; -EINVAL: hz outside kMinCpuHz..kMaxCpuHz; -ENOMEM; another: the
// watcher cannot be had.
int Start(int hz);
// Whether there is something to stop. False in a copy of the process, and in a child of vfork.
bool HasProfile();
// Ends it, and hands it to `use` before it is thrown away. -ENOENT: none runs.
int Stop(void (*use)(const WallProfile& profile, void* argument), void* argument);

// First thing in a new thread.
void ThreadBegins();

// Around what the watcher must not outlive: exec, and what changes the rights of this process. False: there
// is nothing to resume.
bool Pause();
void Resume();
// Instead of Resume: no watcher may begin any more, and the profile has what it has.
void GiveUp(GivenUp reason);

// Of modules that dlclose unmaps; see sampling/module_watch.h. All signals are blocked.
bool HasLocationIn(uint64_t start, uint64_t limit);
void MoveLocations(uint64_t start, uint64_t limit, uint64_t to);
bool Running();

// A child of fork, and a copy of the process, has no profile; true: its parent had one.
bool ChildAfterFork();

}  // namespace heapprof::wall

#endif  // HEAPPROF_SAMPLING_WALL_WALL_SAMPLER_H_
