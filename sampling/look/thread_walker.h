// SPDX-License-Identifier: Apache-2.0
// The stacks of other threads now, each thread for itself: it is stopped, walked where it stands, and let go,
// while the others run.
//
// One that waits is not stopped at all: /proc tells its stack pointer and its place, its stack is walked as
// it lies there, and its count of runs shows that it did not run meanwhile. If the walk needs a register that
// is not known so, or the thread has run, or runs, it is held: by tracing, which disturbs as few system calls
// as stop_by_trace.h says, runs nothing in the thread and asks no signal mask; by the signal of
// stop_by_signal.h where a thread may not be traced, if the caller wants that. It is walked while it is held,
// and not by a copy of its stack: what its code needs to be understood (unwind tables of a library) cannot be
// unmapped meanwhile. All of the first kind come before the others, so that a thread that is held waits for
// nothing else. Where the walker cannot be a real-time process, a process of its own holds threads, at the
// same time, and where there are many some more help to look: all children of the first, and gone at the end
// of each request.
//
// Callers hold StopLock (stop_lock.h), so that walks and leak checks follow each other, and have all signals
// blocked. Signal-safety: yes, the lock's holder being another thread. Allocates: mmap only. Zeroed memory is
// an object.
#ifndef HEAPPROF_SAMPLING_LOOK_THREAD_WALKER_H_
#define HEAPPROF_SAMPLING_LOOK_THREAD_WALKER_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "sampling/look/thread_facts.h"
#include "sampling/stop/thread_table.h"
#include "sampling/stop/tracer_process.h"
#include "sampling/unwind/walk.h"

namespace heapprof {

enum class ThreadAnswer : uint8_t {
  kWalked,
  kEnded,    // there is no such thread
  kKernels,  // a worker of the kernel's (io_uring), without a stack of the program's
  kRefused,  // may not be traced, and the signal was not wanted or could not be sent
  kSilent,   // did not stop: it sleeps uninterruptibly (vfork is that, too), or blocks the signal that stands
             // in
};

struct WalkedThread {
  // What is asked for: any thread but the caller.
  int tid;
  uint32_t max;    // room at `pcs`
  uintptr_t* pcs;  // pcs[0] becomes the exact address, the others return addresses

  ThreadAnswer answer;
  ThreadCall call;  // that it waited in when it was looked at
  // Of kWalked.
  bool in_place;  // it was not stopped
  bool by_signal;
  WalkResult walk;
  uint32_t labels, creator;  // as ThreadTags has them
  int system_call;           // the number of the call that it was in; -1: none, or not known
  uintptr_t control_block;   // its ControlBlock()
  // The walker's own.
  bool looked;
  WalkedThread* next_left;
};

// What is to be done besides. Both functions may be nullptr.
struct WalkCompany {
  // Once for each thread, before it may be stopped. By the calling thread, while it waits for the walks, and
  // by the process that walks, which gets a processor sooner: whoever has nothing else to do takes the next.
  void (*each)(void* argument, size_t index);
  // When all have been walked, in that process; not where there is none. What the calling thread has begun
  // of the above may go on meanwhile.
  void (*after)(void* argument);
  void* argument;
};

class ThreadWalker {
 public:
  // Starts the process that stops threads. It ends with the thread that called this, after kIdle without
  // a walk, or by Stop; Walk starts another when it needs one. 0, or -errno: nothing can be traced here.
  // As TracerProcess says, it is to be stopped before an exec of the program.
  int Start();
  void Stop();
  // Walks them, a few at a time. A thread that does not stop costs some milliseconds if it sleeps
  // uninterruptibly and kPatience otherwise; kMuchPatience for all of these together.
  void Walk(WalkedThread* threads, size_t count, bool by_signal_too,
            const WalkCompany& company = {nullptr, nullptr, nullptr});
  // In a forked child: the process is the parent's.
  void Forget();

  static constexpr int64_t kIdle = 2'000'000'000;  // ns
  static constexpr int64_t kPatience = 200'000'000, kLeastPatience = 10'000'000;
  static constexpr int64_t kMuchPatience = 1'000'000'000;

 private:
  enum Phase : uint32_t { kWaiting, kWalking, kEnding, kEnded };
  static constexpr size_t kAtOnce = 4;
  static constexpr size_t kHelpers = 3;
  struct Asked {
    WalkedThread* thread;  // nullptr: a free place
    int64_t since;
  };

  bool HaveTracer();
  void WalkByTrace();
  // In the tracer.
  static void Run(void* self);
  bool AwaitRequest();
  bool KeepCompany();
  void CatchFaults(size_t number);
  void LookTogether();
  bool StartHolder();
  template <size_t kNumber>
  static void Help(void* self);
  void LookAtAll(size_t number);
  bool Look(WalkedThread* thread, size_t number);
  // Hands over to whoever holds threads: one more, or (nullptr) the word that there will be no more.
  void Leave(WalkedThread* thread);
  void HoldThoseLeft();
  WalkedThread* NextLeft();
  void Ask(WalkedThread* thread);
  bool Seize(WalkedThread* thread);
  bool TakeOne();
  void Take(WalkedThread* thread, int signal);
  void AwaitStop();
  void GiveUpLate();
  bool IsPatienceOver(const Asked& asked, int64_t now);

  TracerProcess process_, helpers_[kHelpers], holder_;  // the others are children of the first
  std::atomic<uint32_t> phase_{kWaiting};
  // Of a request.
  const TaskFolder* folder_ = nullptr;
  WalkedThread* threads_ = nullptr;
  size_t count_ = 0;
  WalkCompany company_ = {};
  intptr_t list_distance_ = 0;   // as RobustListDistance has it
  std::atomic<size_t> next_{0};  // for company_.each
  std::atomic<size_t> next_look_{0};
  std::atomic<WalkedThread*> left_{nullptr};  // to be held, newest first
  std::atomic<bool> all_looked_{false};
  std::atomic<uint32_t> news_{0};  // changes with these two
  // The tracer's.
  bool real_time_ = false;
  WalkedThread* holding_ = nullptr;  // of left_, taken out of it
  Asked asked_[kAtOnce] = {};
  size_t asked_count_ = 0, late_ = 0;  // late: given up, but not let go
  int64_t waited_ = 0;                 // for those
  int64_t last_asked_ = 0;             // when the last one was asked to stop
  int64_t patience_left_ = 0;          // with other tracers
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_LOOK_THREAD_WALKER_H_
