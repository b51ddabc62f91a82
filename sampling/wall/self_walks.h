// SPDX-License-Identifier: Apache-2.0
// Where the watcher may not trace (a program that has changed its user is not dumpable; a sandbox) threads
// walk their stacks themselves, when the watcher asks them by a signal.
//
// The signal is the one that the stop of threads falls back to (sampling/stop/stop_by_signal.h), with a code
// of its own. Calls that a signal ends with EINTR end so, once each time that their thread goes to sleep.
//
//   slot: kFree -> kAsked (watcher) -> kWalking -> kDone (the thread) -> kFree (watcher)
//
// The handler stays for good: under the default action a signal that comes late would end the program.
//
// Thread-safety: Install and EnsureInstalled from any thread of the program; the rest is the watcher's.
// Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_WALL_SELF_WALKS_H_
#define HEAPPROF_SAMPLING_WALL_SELF_WALKS_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "sampling/unwind/walk.h"

namespace heapprof::wall {

struct SelfWalk {
  static constexpr size_t kStack = 16 << 10;
  static constexpr uint32_t kMaxFrames = 256;
  enum State : uint32_t { kFree, kAsked, kWalking, kDone };

  std::atomic<uint32_t> state;
  std::atomic<int> tid;
  uint32_t labels;
  WalkResult walk;
  uintptr_t pcs[kMaxFrames];
  alignas(16) char stack[kStack];
};

class SelfWalks {
 public:
  static constexpr size_t kSlots = 16;

  SelfWalk& at(size_t slot) { return slots_[slot]; }
  // Asks thread `tid` of process `pid`. The slot, or kSlots: none is free, or it cannot be asked.
  size_t Ask(int pid, int tid);
  // The thread has ended, or nobody waits for it any more: the slot is free once it is not walking.
  void GiveUp(size_t slot);
  void Free(size_t slot) { slots_[slot].state.store(SelfWalk::kFree, std::memory_order_release); }

  // In a thread that got the signal. `watcher` is told when it is done.
  void Answer(size_t slot, const ucontext_t& context, uint32_t max_frames, int watcher);

 private:
  SelfWalk slots_[kSlots];
};

// Makes signals of SelfWalks::Ask call answer(slot, context). Again after libc has set its own handler, as it
// does when the first thread is made.
void InstallSelfWalks(void (*answer)(size_t slot, const ucontext_t& context));
void EnsureSelfWalksInstalled();

}  // namespace heapprof::wall

#endif  // HEAPPROF_SAMPLING_WALL_SELF_WALKS_H_
