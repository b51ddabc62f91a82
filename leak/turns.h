// SPDX-License-Identifier: Apache-2.0
// One check or one fork at a time.
//
// A thread that forks holds locks of ours and of jemalloc's with all signals blocked, and waits for others:
// it could neither be stopped by a signal nor go on beside stopped threads. Who has just had its turn lets
// the other kind go first for a while if that waits: a loop that forks would leave a check no gap, and the
// other way round.
//
// Thread-safety: yes. Signal-safety: a handler may take a turn while the code that it interrupted waits for
// one, and has that code's turn where it has one. Allocates: never. Lock: kLeakTurn.
#ifndef HEAPPROF_LEAK_TURNS_H_
#define HEAPPROF_LEAK_TURNS_H_

#include <stdint.h>

#include <atomic>

namespace heapprof::leak {

class Turns {
 public:
  enum Kind : uint32_t { kCheck, kFork };

  // Waits with the signals as they are, as the thread must be able to be stopped. Afterwards all are blocked:
  // returns the mask before, for the caller to restore after End.
  uint64_t Begin(Kind kind);
  void End();
  // In a forked child, whose only thread has the turn.
  void ForgetAfterFork();

 private:
  std::atomic<uint32_t> holder_{0};  // the thread whose turn it is; 0: nobody's
  uint32_t nested_ = 0;              // of the holder: how often it has it once more
  std::atomic<uint32_t> last_{kCheck};
  std::atomic<uint32_t> waiting_[2] = {};
};

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_TURNS_H_
