// SPDX-License-Identifier: Apache-2.0
// Blocks all signals of the calling thread for a scope, so that no handler runs while it holds a lock of
// ours.
//
// Without libc: those that libc keeps for itself are blocked too, for as long as the scope lasts.
// Thread-safety: yes, each thread has its own mask. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_SYSTEM_SIGNALS_BLOCKED_H_
#define HEAPPROF_BASE_SYSTEM_SIGNALS_BLOCKED_H_

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "base/system/raw_syscall.h"

namespace heapprof {

// The mask before; for where a scope will not do.
inline uint64_t BlockSignals() {
  uint64_t all = ~uint64_t{0}, old = 0;
  RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&all), reinterpret_cast<long>(&old),
             sizeof(all));
  return old;
}

inline void RestoreSignals(uint64_t mask) {
  RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&mask), 0, sizeof(mask));
}

class SignalsBlocked {
 public:
  SignalsBlocked() : old_(BlockSignals()) {}
  // They are blocked already; `before` was the mask.
  explicit SignalsBlocked(uint64_t before) : old_(before) {}
  ~SignalsBlocked() { RestoreSignals(old_); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  uint64_t old_;
};

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_SIGNALS_BLOCKED_H_
