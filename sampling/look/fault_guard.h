// SPDX-License-Identifier: Apache-2.0
// Reads memory that may vanish meanwhile, in a process of ours that shares the program's memory and not its
// handlers: a fault ends what is read, and nothing else.
//
// Each such process is a kind of its own, as the words here lie in the memory that all share. It has one
// thread. Thread-safety: one process of each kind at a time. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_LOOK_FAULT_GUARD_H_
#define HEAPPROF_SAMPLING_LOOK_FAULT_GUARD_H_

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#include <initializer_list>

#include "base/system/raw_syscall.h"
#include "sampling/stop/stop_signal.h"

namespace heapprof {

enum class GuardedProcess { kWatcher, kWalker, kHelper1, kHelper2, kHelper3, kHolder };

template <GuardedProcess kProcess>
class FaultGuard {
 public:
  // To be called once in the process, before the first Call.
  static void CatchFaults() {
    for (const int number : {SIGSEGV, SIGBUS}) {
      KernelSigaction action = StopAction(OnFault);
      action.flags &= ~static_cast<unsigned long>(SA_ONSTACK);
      RawSyscall(SYS_rt_sigaction, number, reinterpret_cast<long>(&action), 0, sizeof(action.mask));
    }
    LetFaultsIn();
  }
  // function(argument), which holds nothing that would have to be given back. False: a fault ended it.
  // __builtin_setjmp wants a function of its own.
  __attribute__((noinline)) static bool Call(void (*function)(void*), void* argument) {
    if (__builtin_setjmp(g_way_out) != 0) {
      g_inside = false;
      LetFaultsIn();  // the handler blocked all signals
      return false;
    }
    g_inside = true;
    function(argument);
    g_inside = false;
    return true;
  }

 private:
  static void OnFault(int number, siginfo_t*, void*) {
    if (g_inside) __builtin_longjmp(g_way_out, 1);
    // Elsewhere it is as without a handler.
    KernelSigaction action = {};
    RawSyscall(SYS_rt_sigaction, number, reinterpret_cast<long>(&action), 0, sizeof(action.mask));
  }
  static void LetFaultsIn() {
    constexpr uint64_t kFaults = uint64_t{1} << (SIGSEGV - 1) | uint64_t{1} << (SIGBUS - 1);
    RawSyscall(SYS_rt_sigprocmask, SIG_UNBLOCK, reinterpret_cast<long>(&kFaults), 0, sizeof(kFaults));
  }

  static inline void* g_way_out[5];
  static inline bool g_inside;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_LOOK_FAULT_GUARD_H_
