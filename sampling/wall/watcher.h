// SPDX-License-Identifier: Apache-2.0
// The watcher: the process that looks at all threads of the program while a wall-clock profile runs.
//
// It shares the program's memory and nothing else (docs/decisions/0037): it may trace threads, is no thread
// of the program's, and holds no descriptor of the program's open. At each tick it asks whether the program
// has used CPU time at all, then which threads have run (thread_files.h), and where those are:
//
//   waits     its stack pointer and its place are asked of /proc, and its stack is walked as it lies there.
//   The
//             thread is not disturbed. If its count of runs has changed meanwhile the walk is no good.
//   runs, or its innermost frame wants registers that /proc does not tell
//             it is seized, interrupted, walked where it stands and let go, as the leak check does it
//             (sampling/stop/stop_by_trace.h): system calls go on, signals are passed on.
//
// Walks are read-only, and a fault in one ends the walk. The watcher waits for nobody whom it may have
// stopped, takes no lock, and ends when the program has ended, has become another program, or has changed its
// rights.
//
// Thread-safety: Start and End by one at a time. Signal-safety: yes, with all signals blocked. Allocates:
// mmap only.
#ifndef HEAPPROF_SAMPLING_WALL_WATCHER_H_
#define HEAPPROF_SAMPLING_WALL_WATCHER_H_

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include <atomic>

#include "sampling/stop/traced_thread.h"
#include "sampling/wall/wall_session.h"

namespace heapprof {
class TaskFolder;
}

namespace heapprof::wall {

class Watcher {
 public:
  // Begins to watch for `session`. 0 or -errno: no process, no /proc, a namespace of processes that awaits
  // its first one.
  int Start(WallSession* session);
  // It is gone when this comes back. Does nothing if there is none.
  void End();
  bool alive() const { return alive_.load(std::memory_order_acquire) != 0; }
  // In a child of fork, whose parent's it was.
  void Forget();

 private:
  enum Phase : uint32_t { kStarting, kGo, kWatching, kEnding };
  // In the watcher.
  static void Run(void* self);
  bool Prepare();
  void Watch();
  uint64_t BlockAt(uint64_t n) const;
  bool ProgramGoesOn();
  void WakeUp();
  bool HasSameRights();
  bool IsProgramStopped() const;
  void Sleep(int64_t until);

  void Tick(uint64_t n);
  void FindThreads(uint64_t n);
  void ReadList(uint64_t n);
  void AddThread(int tid, uint64_t n);
  void DropThread(WatchedThread* thread, uint64_t n);
  bool Stamp(WatchedThread* thread, RunStamp* stamp);
  void Look(WatchedThread* thread, uint64_t n);
  bool WalkWaiting(WatchedThread* thread, const Place& place, const RunStamp& stamp, uint64_t n);
  WaitKind KindAt(const WatchedThread& thread, const Place& place) const;
  void FindControlBlock(WatchedThread* thread);
  uint32_t LabelsOf(const WatchedThread& thread);
  void ReadStackBounds(WatchedThread* thread);
  bool Walk(const ucontext_t& context, const StackBounds& bounds, WalkResult* result);
  void Record(WatchedThread* thread, const WalkResult& walk, WaitKind kind, uint32_t labels, uint64_t n);
  void Charge(WatchedThread* thread, uint64_t n, bool moved);
  void Ask(WatchedThread* thread, const Place& place, const RunStamp& stamp, uint64_t n);
  bool Seize(int tid);
  static void OnChild(int number, siginfo_t* info, void* context);
  void CollectStopped(uint64_t n);
  void OnWaited(WatchedThread* thread, int status, uint64_t n);
  void OnStopped(WatchedThread* thread, int status, uint64_t n);
  bool MayTrace();
  bool RanOn(WatchedThread* thread);
  bool AskBySignal(WatchedThread* thread, char letter);
  void CollectSelfWalks(uint64_t n);

  // Set by the program's thread.
  std::atomic<int> alive_{0};  // the watcher's id; the kernel clears it at its end
  std::atomic<uint32_t> phase_{kStarting};
  int process_ = 0, error_ = 0;
  char* memory_ = nullptr;  // its stack, and its thread-local storage
  size_t bytes_ = 0;
  WallSession* session_ = nullptr;
  TaskFolder* folder_ = nullptr;
  size_t thread_pointer_ = 0;  // in memory_

  // The watcher's own.
  int program_ = -1, status_ = -1;  // descriptors: the program's end, its rights
  int stat_ = -1;                   // of the first thread's state
  bool stopped_ = false;            // the program stands still by SIGSTOP or the like
  uint64_t rights_ = 0;
  int64_t cpu_ = -1;    // the program's CPU time at the last tick
  uint64_t moved_ = 0;  // the last tick at which that had changed
  int64_t rights_seen_ = 0;
  int64_t woken_ = 0;      // when the tick that is under way began
  int64_t next_list_ = 0;  // no list of all threads is read before
  size_t seized_ = 0, asked_by_signal_ = 0, files_ = 0, max_files_ = 0;
  size_t kernels_ = 0;     // threads that are listed and not watched
  bool any_told_ = false;  // some threads have WatchedThread::told
};

}  // namespace heapprof::wall

#endif  // HEAPPROF_SAMPLING_WALL_WATCHER_H_
