// SPDX-License-Identifier: Apache-2.0
// The memory of one wall-clock profile, which the program and its watcher share.
//
// Thread-safety: see the fields. Signal-safety: yes. Allocates: mmap only, within metadata_limit.
#ifndef HEAPPROF_SAMPLING_WALL_WALL_SESSION_H_
#define HEAPPROF_SAMPLING_WALL_WALL_SESSION_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "sampling/counts/stack_counts.h"
#include "sampling/wall/given_up.h"
#include "sampling/wall/self_walks.h"
#include "sampling/wall/tick_times.h"
#include "sampling/wall/wait_kind.h"
#include "sampling/wall/watched_threads.h"

namespace heapprof::wall {

// Where a thread keeps what the watcher reads of it, from its control block on.
struct ThreadLayout {
  intptr_t labels, stack;
  intptr_t robust_list;  // which the kernel knows for each thread; 0: not known
};

// What a count's `labels` are: a set of the program's, and above it what the thread waited for.
inline constexpr int kKindShift = 16;
inline uint32_t LabelsWithKind(uint32_t set, WaitKind kind) {
  return set | static_cast<uint32_t>(kind) << kKindShift;
}
inline uint32_t SetOf(uint32_t labels) { return labels & ((1u << kKindShift) - 1); }
inline WaitKind KindOf(uint32_t labels) { return static_cast<WaitKind>(labels >> kKindShift); }

// Threads that have just begun, told by themselves: so the list of all is not read for them.
class BornThreads {
 public:
  void Add(int tid) {
    // The count comes first: a number that is not there yet is asked for by the list of all. release: what
    // its thread did before it.
    const uint64_t place = count_.fetch_add(1, std::memory_order_relaxed);
    tids_[place % kSize].store(tid, std::memory_order_release);
  }
  // use(int tid) for each since the last call. False: there were too many, or one is not there yet.
  template <typename Use>
  bool Take(Use use) {
    const uint64_t count = count_.load(std::memory_order_acquire);
    bool whole = count - taken_ <= kSize;
    if (!whole) taken_ = count - kSize;
    for (; taken_ != count; ++taken_) {
      const int tid = tids_[taken_ % kSize].exchange(0, std::memory_order_acquire);
      if (tid == 0) {
        whole = false;
      } else {
        use(tid);
      }
    }
    return whole;
  }

 private:
  static constexpr uint64_t kSize = 256;
  std::atomic<uint64_t> count_;
  uint64_t taken_;  // the watcher's
  std::atomic<int> tids_[kSize];
};

// Keeps the watcher out of the counts while dlclose changes them. The watcher never waits for it: it may hold
// the thread stopped that has the gate.
class CountsGate {
 public:
  // The watcher's. False: the counts are being changed.
  bool Enter() {
    // seq_cst: this word and the other are each written before the other is read.
    inside_.store(true, std::memory_order_seq_cst);
    if (!closed_.load(std::memory_order_seq_cst)) return true;
    Leave();
    return false;
  }
  void Leave() { inside_.store(false, std::memory_order_release); }
  void Close() { closed_.store(true, std::memory_order_seq_cst); }
  bool IsInside() const { return inside_.load(std::memory_order_seq_cst); }
  void Open() { closed_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> inside_, closed_;
};

struct WallSession {
  // Zeroed memory. nullptr: there is none.
  static WallSession* Make(size_t threads, uint32_t max_frames);
  void Free();

  int hz, pid;
  int64_t start, start_monotonic, duration;
  uint64_t nonce;  // not the same in another program's memory
  TickTimes ticks;
  ThreadLayout layout;
  uint32_t max_frames;
  BornThreads born;
  CountsGate gate;
  SelfWalks self_walks;
  std::atomic<bool> by_signal;       // threads may not be traced: they walk themselves
  std::atomic<int> watcher;          // its id
  std::atomic<bool> rights_changed;  // the watcher ended for it
  std::atomic<GivenUp> given_up;
  std::atomic<bool> paused;  // its watcher ended for a call that it must not outlive
  int not_resumed;           // -errno

  // The watcher's, and when that has ended, of who ends the profile.
  StackCounts counts;
  WatchedThreads threads;
  uint64_t last_tick;
  uint64_t samples;       // ticks charged
  uint64_t lost;          // ticks of threads of which no stack could be had
  uint64_t stacks;        // walks that were recorded
  uint64_t truncated;     // of them
  uint64_t in_bare_code;  // of those
  uint64_t stops;         // of threads
  uint64_t refused;       // stops that were not allowed
  uint64_t unwatched;     // threads that found no room
  uint64_t late;          // ticks at which the watcher had no processor, told of by the next look

  // The profile ends at tick n.
  void Finish(uint64_t n);
  // A thread does.
  void ChargeLast(WatchedThread* thread, uint64_t n);

  uintptr_t* pcs;  // max_frames of them
  size_t bytes;
};

}  // namespace heapprof::wall

#endif  // HEAPPROF_SAMPLING_WALL_WALL_SESSION_H_
