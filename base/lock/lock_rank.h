// SPDX-License-Identifier: Apache-2.0
// The order in which a thread takes locks.
//
// A thread takes locks in the order of their ranks, and holds one lock of a rank at most; debug builds abort
// on a violation, with a line that names both. Fork is the exception: it takes all of them, without waiting
// for ever for any (LockForFork).
// Thread-safety: a thread's own. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_LOCK_LOCK_RANK_H_
#define HEAPPROF_BASE_LOCK_LOCK_RANK_H_

#include <stdint.h>

namespace heapprof {

// lock_rank.cc has their names.
enum class LockRank : uint8_t {
  kArenaReset = 1,
  kSlots,
  kModules,
  kLabels,
  kNamed,
  kMappings,
  // Those of the recorder: a handler that allocates may have interrupted who holds one of the above.
  kStackInsert,
  kLiveShard,
  kGrowth,
  kLifetimes,
  // Those that a handler may take, whatever it interrupted. Who holds one has all signals blocked.
  kLeakTurn,
  kHttp,
  kDelta,
  kDump,
  kCpuProfile,
  kWallProfile,
  kStop,
  kSignals,
  kCpuClocks,
  kCpuStacks,
  kWallWatcher,
  // Of a few instructions, with nothing under it; handlers let it be where they have interrupted its holder.
  kWaiters,
};

// How long a fork waits for a lock before it gives back those that it has: ns.
inline constexpr int64_t kForkPatience = 100'000'000;

#ifdef NDEBUG
inline void CheckRankBeforeLock(LockRank) {}
inline void NoteHeld(LockRank, bool) {}
#else
// Aborts if the thread holds a lock of this rank or a later one.
void CheckRankBeforeLock(LockRank rank);
// The thread has taken a lock, or given it back.
void NoteHeld(LockRank rank, bool held);
#endif

}  // namespace heapprof

#endif  // HEAPPROF_BASE_LOCK_LOCK_RANK_H_
