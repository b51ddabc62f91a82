// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#include "sampling/wall/watcher_process.h"

namespace heapprof::wall {
namespace {

constexpr long kFlags = CLONE_VM | CLONE_UNTRACED | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS;

// rdi = flags, rsi = stack, rdx = parent's id word, rcx = child's, r8 = thread pointer; function and argument
// are on the new stack.
__attribute__((naked)) int Clone(long, void*, void*, void*, void*) {
  asm volatile(
      "movq %rcx, %r10\n\t"
      "movl $56, %eax\n\t"  // SYS_clone
      "syscall\n\t"
      "testq %rax, %rax\n\t"
      "jz 1f\n\t"
      "retq\n"
      "1:\n\t"
      ".cfi_undefined %rip\n\t"
      "xorl %ebp, %ebp\n\t"
      "popq %rax\n\t"
      "popq %rdi\n\t"
      "callq *%rax\n\t"
      "xorl %edi, %edi\n\t"
      "movl $231, %eax\n\t"  // SYS_exit_group
      "syscall\n\t"
      "ud2");
}

}  // namespace

int CloneWatcher(void* stack_top, void* thread_pointer, std::atomic<int>* alive, void (*function)(void*),
                 void* argument) {
  auto* stack = static_cast<void**>(stack_top);
  *--stack = argument;
  *--stack = reinterpret_cast<void*>(function);
  // What code compiled for a thread finds at its thread pointer: the pointer itself, twice.
  auto* words = static_cast<void**>(thread_pointer);
  words[0] = words[2] = thread_pointer;
  return Clone(kFlags, stack, alive, alive, thread_pointer);
}

void MakeContext(const Place& place, const KeptRegisters& kept, ucontext_t* context) {
  TracedRegisters registers = {};
  registers.rip = place.pc;
  registers.rsp = place.stack_pointer;
  registers.rbx = kept.rbx;
  registers.rbp = kept.rbp;
  registers.r12 = kept.r12;
  registers.r13 = kept.r13;
  registers.r14 = kept.r14;
  registers.r15 = kept.r15;
  memset(context, 0, sizeof(*context));
  heapprof::MakeContext(registers, context);
}

KeptRegisters KeptOf(const TracedRegisters& registers) {
  return {registers.rbx, registers.rbp, registers.r12, registers.r13, registers.r14, registers.r15};
}

uintptr_t ControlBlockOf(const TracedRegisters& registers) { return registers.fs_base; }

Place PlaceOf(const TracedRegisters& registers) {
  const long call = SystemCallOf(registers);
  return {call >= 0 ? Place::kWaits : Place::kRunning, call, registers.rsp, registers.rip};
}

}  // namespace heapprof::wall
