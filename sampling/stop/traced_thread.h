// SPDX-License-Identifier: Apache-2.0
// The part of stop_by_trace.h that knows the architecture.
//
// Thread-safety, signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_STOP_TRACED_THREAD_H_
#define HEAPPROF_SAMPLING_STOP_TRACED_THREAD_H_

#include <sys/user.h>
#include <ucontext.h>

#include <atomic>

#include "sampling/stop/stop_signal.h"

namespace heapprof {

// What PTRACE_GETREGSET gives for NT_PRSTATUS, and the name of the set of vector registers.
#if defined(__aarch64__)
struct TracedRegisters : user_regs_struct {
  uintptr_t thread_pointer;  // of a set of its own
};
inline constexpr long kVectorRegisters = 2;  // NT_PRFPREG
#else
using TracedRegisters = user_regs_struct;
inline constexpr long kVectorRegisters = 0x202;  // NT_X86_XSTATE
#endif

// Of a thread that is stopped; and back. False: it was killed meanwhile.
bool ReadTracedRegisters(int tid, TracedRegisters* registers);
bool WriteTracedRegisters(int tid, TracedRegisters* registers);

// As ReadInterruptedCode, without the vector registers. The general ones are `registers` themselves.
InterruptedCode ReadTracedCode(const TracedRegisters& registers);

// What a handler in that thread would be given as its context, without the vector registers.
void MakeContext(const TracedRegisters& registers, ucontext_t* context);
// Of a thread that waits, and of whose registers only these are known. The others have values that lead
// nowhere: a walk comes to the stack's end if it needs none of them, and is truncated otherwise.
TracedRegisters RegistersOfWait(uintptr_t pc, uintptr_t stack_pointer);
// The number of the system call that it was stopped in; -1: none.
int SystemCallOf(const TracedRegisters& registers);

// True if the thread was stopped in a system call that waits without a time limit and that the kernel ends
// with EINTR where it would go on with others: `registers` then begin it anew.
bool RestartInterruptedCall(TracedRegisters* registers);

// clone(), with a child that runs function(argument) on the stack that ends at `stack_top` (16-byte aligned),
// and ends. `alive` is its id from its start to its end if the flags have CLONE_PARENT_SETTID and
// CLONE_CHILD_CLEARTID; `thread_pointer` is for CLONE_SETTLS. Returns the id or -errno.
int CloneOnStack(long flags, void* stack_top, void* thread_pointer, std::atomic<int>* alive,
                 void (*function)(void* argument), void* argument);

// clone() of a process that shares this one's memory, files and folders, and that no debugger is told of. It
// runs function(argument) on the stack that ends at `stack_top` (16-byte aligned), with the caller's
// thread-local storage, which it must leave alone, and ends. `alive` is its id from its start to its end.
// Returns the id or -errno.
int CloneProcess(void* stack_top, std::atomic<int>* alive, void (*function)(void* argument), void* argument);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_TRACED_THREAD_H_
