// SPDX-License-Identifier: Apache-2.0
// The threads that a wall-clock profile watches: where each was last seen, and when it is looked at again.
//
// Time is counted in ticks (tick_times.h). A thread's ticks are cut into blocks of G ticks; it is looked at
// once in each, at a tick that is uniform in the block, and what is found there is charged all G ticks. G is
// known before the block begins. So a tick is told of where the thread was with the right probability: in the
// mean
//     sum over G ticks i of P(there at i) = G * sum over i of (1/G) P(there at i)                  (1)
// G is 1 for a thread that has moved since its last look. For one that is idle it grows: a quarter of the
// ticks since it was last found to have moved, 32 at most. So a thousand idle threads cost some thirty looks
// a tick.
//
// Thread-safety: the watcher's; once that has ended, of one thread. Signal-safety: yes. Allocates: mmap only,
// within metadata_limit.
#ifndef HEAPPROF_SAMPLING_WALL_WATCHED_THREADS_H_
#define HEAPPROF_SAMPLING_WALL_WATCHED_THREADS_H_

#include <stddef.h>
#include <stdint.h>

#include "sampling/look/thread_files.h"
#include "sampling/stop/thread_layout.h"
#include "sampling/unwind/walk.h"
#include "sampling/wall/wait_kind.h"

namespace heapprof::wall {

// The registers that a function keeps for its caller: the unwinder asks for those of the frame that a walk
// begins in.
struct KeptRegisters {
  uintptr_t value[kKeptCount];
};

struct WatchedThread {
  int tid;        // 0: a free place
  int files;      // the descriptor of its schedstat; -1: none
  uint32_t next;  // in its chain, or of free places
  bool seized;    // it was asked to stop and has not
  bool found;     // by the list that is being read
  bool told;      // a wait in a handler has told of it; then `status` is what that said
  bool has_kept;  // `kept` is from a stop
  bool walks_itself;
  WaitKind asked_kind;
  int status;
  uint32_t entry;       // of the counts; 0: it was not seen yet
  uint32_t unanswered;  // times that it was asked to walk itself, and ran on all the same
  RunStamp stamp;       // at the last look
  Place place;          // that it waited in at the last look
  uint64_t hash;        // of the stack there
  KeptRegisters kept;
  uintptr_t control_block;  // 0: not known
  StackBounds stack;
  uint64_t looked, moved;   // ticks: of the last look, and of the last that found it moved
  uint64_t charged, until;  // the last tick that is charged, and the last of the block
  size_t slot;              // where it walks itself, if it was asked to; seized is true then, too
  int64_t asked_at;         // ns; then
  // While it is being stopped: what was read before.
  RunStamp asked;
  Place asked_place;
};

class WatchedThreads {
 public:
  static constexpr uint64_t kLongest = 32;  // ticks between two looks

  // Room for `capacity` threads. False: no memory.
  bool Init(size_t capacity);
  void Free();

  // nullptr: there is no such thread here.
  WatchedThread* Find(int tid);
  // A new one, not looked at up to tick `n`; nullptr: there is no room.
  WatchedThread* Add(int tid, uint64_t n);
  // Its place is free for another.
  void Remove(WatchedThread* thread);
  size_t count() const { return count_; }

  // use(WatchedThread*) for each whose look is due at tick n; and for each.
  template <typename Use>
  void ForEachDue(uint64_t n, Use use) {
    for (uint32_t i = 1; i <= used_; ++i) {
      if (due_[i] <= n) use(&threads_[i]);
    }
  }
  template <typename Use>
  void ForEach(Use use) {
    for (uint32_t i = 1; i <= used_; ++i) {
      if (threads_[i].tid != 0) use(&threads_[i]);
    }
  }

  // A look at tick n: what it charges.
  static uint64_t TakeTicks(WatchedThread* thread, uint64_t n) {
    const uint64_t until = n > thread->until ? n : thread->until;
    const uint64_t ticks = until - thread->charged;
    thread->looked = n;
    thread->charged = until;
    return ticks;
  }
  // Its end at tick n: what is to be charged yet, or, of the block that it has not lived to the end of, to be
  // taken back.
  static int64_t TakeLast(WatchedThread* thread, uint64_t n) {
    const auto ticks = static_cast<int64_t>(n - thread->charged);
    thread->charged = thread->until = n;
    return ticks;
  }
  // After TakeTicks: the next block. `moved`: the thread has moved since the last look but one.
  void SetNextLook(WatchedThread* thread, bool moved);
  // That look came to nothing, and is to be made again.
  void LookAgain(WatchedThread* thread, uint64_t n) { due_[thread - threads_] = n + 1; }
  uint64_t next_look(const WatchedThread* thread) const { return due_[thread - threads_]; }

 private:
  static constexpr uint32_t kChains = 1 << 12;
  uint32_t* ChainOf(int tid) { return &chains_[static_cast<uint32_t>(tid) % kChains]; }

  size_t bytes_;
  WatchedThread* threads_;  // from 1 on
  uint64_t* due_;           // UINT64_MAX: a free place
  uint32_t* chains_;
  uint32_t capacity_, used_, free_;
  size_t count_;
};

}  // namespace heapprof::wall

#endif  // HEAPPROF_SAMPLING_WALL_WATCHED_THREADS_H_
