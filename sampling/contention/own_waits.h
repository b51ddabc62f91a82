// SPDX-License-Identifier: Apache-2.0
// The waits that a thread is in, and that it has entered into the table of waiters: one, or several where
// handlers wait that have interrupted it.
//
// A handler may leave a wait by siglongjmp; nobody comes back then to leave the table. So a wait is noted
// with the frame of who asked for it, and whoever waits next in the same thread takes out those that are
// over: those at the same place of the stack or deeper, and all if it is in no handler. What was taken out
// wrongly (a handler's own stack may lie above the thread's) is charged to nobody from then on.
//
// Thread-safety: an object belongs to its thread. Signal-safety: yes; but a handler that leaves Enter or
// Leave by siglongjmp, in the few instructions between table and note, leaves a waiter behind. Allocates:
// never. Zeros are a new object.
#ifndef HEAPPROF_SAMPLING_CONTENTION_OWN_WAITS_H_
#define HEAPPROF_SAMPLING_CONTENTION_OWN_WAITS_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "sampling/contention/waiters.h"
#include "sampling/unwind/caller_frame.h"

namespace heapprof {

class OwnWaits {
 public:
  static constexpr size_t kMost = 4;

  // relaxed throughout: only handlers of the thread itself come in between.
  struct Wait {
    std::atomic<uintptr_t> sp;                 // the caller's; 0: free
    std::atomic<uint64_t> since;               // what to leave the table with; 0: it is not in there
    std::atomic<const void*> lock, condition;  // nullptr: none
  };

  // Whether the stack that ends with `caller` is a signal handler's, as far as can be seen.
  using IsHandlers = bool(const CallerFrame& caller);
  static bool MayBeHandlers(const CallerFrame& caller);

  // Enters. nullptr: there was no room, and there is nothing to leave.
  Wait* EnterLock(Waiters* waiters, const void* lock, uint64_t now, const CallerFrame& caller,
                  IsHandlers* is_handlers = MayBeHandlers);
  Wait* EnterCondition(Waiters* waiters, const void* condition, const void* lock, const CallerFrame& caller,
                       IsHandlers* is_handlers = MayBeHandlers);
  // Of a wait that was taken out meanwhile, too: nothing is left to do then. `sp`: of its caller.
  static void Leave(Waiters* waiters, Wait* wait, uintptr_t sp);
  // In a child of fork, which has none of the parent's waiters.
  void ForgetAllInChild();

 private:
  Wait* Claim(Waiters* waiters, const CallerFrame& caller, IsHandlers* is_handlers);

  Wait waits_[kMost];
};

// `extern __thread`, as for an `extern thread_local` the compiler asks at each use whether its constructor
// has run.
extern __thread OwnWaits t_own_waits __attribute__((tls_model("initial-exec")));

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_CONTENTION_OWN_WAITS_H_
