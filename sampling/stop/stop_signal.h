// SPDX-License-Identifier: Apache-2.0
// The part of stop_world.h that knows the architecture: the signal's handler and where it finds the
// registers.
//
// Thread-safety, signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_STOP_STOP_SIGNAL_H_
#define HEAPPROF_SAMPLING_STOP_STOP_SIGNAL_H_

#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

#include "base/system/own_mappings.h"
#include "sampling/stop/thread_layout.h"

namespace heapprof {

// The kernel's struct sigaction, which is not libc's.
struct KernelSigaction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};

// A handler with SA_SIGINFO, SA_RESTART and SA_ONSTACK, under which all signals are blocked.
KernelSigaction StopAction(void (*handler)(int, siginfo_t*, void*));

// What a handler's third argument says of the interrupted code.
struct InterruptedCode {
  uintptr_t stack_pointer, control_block;
  AddressRange registers, vectors;
};
InterruptedCode ReadInterruptedCode(void* context);

// Of code that the signal's handler or CallWithRegisters (below) noted: the context to walk its stack from.
void MakeContext(const InterruptedCode& code, ucontext_t* context);

// Calls function(argument, registers) with the registers that a caller may still count on, above whose stack
// pointer the caller's stack begins. Returns what it returns. A function whose last step this is leaves no
// frame of its own there where the compiler makes a jump of it: it must return an int as well.
struct SavedRegisters {
  uintptr_t kept[kKeptCount];
  uintptr_t stack_pointer;
};
int CallWithRegisters(int (*function)(void* argument, const SavedRegisters* registers), void* argument);

// The same for a function of up to five arguments, each of which fits a register.
using RegistersFunction = int (*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t,
                                  const SavedRegisters* registers);
int CallWithRegisters(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e,
                      RegistersFunction function);

// The calling thread's thread pointer, without libc (thread_layout.h).
uintptr_t ControlBlock();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_STOP_SIGNAL_H_
