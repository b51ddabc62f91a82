// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <initializer_list>

#include "base/older_libc.h"
#include "sampling/stop/traced_thread.h"
#include "sampling/stop/tracer_process.h"

namespace heapprof {
namespace {

constexpr long kProcessFlags =
    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
constexpr unsigned long kSyscallBytes = 2;  // of the instruction

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

bool ReadTracedRegisters(int tid, TracedRegisters* registers) {
  iovec general = {registers, sizeof(*registers)};
  return Trace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &general) == 0;
}

bool WriteTracedRegisters(int tid, TracedRegisters* registers) {
  iovec general = {registers, sizeof(*registers)};
  return Trace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &general) == 0;
}

InterruptedCode ReadTracedCode(const TracedRegisters& registers) {
  auto start = reinterpret_cast<uintptr_t>(&registers);
  return {registers.rsp, registers.fs_base, {start, start + sizeof(registers)}, {0, 0}};
}

void MakeContext(const TracedRegisters& registers, ucontext_t* context) {
  greg_t* to = context->uc_mcontext.gregs;
  auto set = [to](int index, unsigned long long value) { to[index] = static_cast<greg_t>(value); };
  set(REG_R8, registers.r8);
  set(REG_R9, registers.r9);
  set(REG_R10, registers.r10);
  set(REG_R11, registers.r11);
  set(REG_R12, registers.r12);
  set(REG_R13, registers.r13);
  set(REG_R14, registers.r14);
  set(REG_R15, registers.r15);
  set(REG_RDI, registers.rdi);
  set(REG_RSI, registers.rsi);
  set(REG_RBP, registers.rbp);
  set(REG_RBX, registers.rbx);
  set(REG_RDX, registers.rdx);
  set(REG_RAX, registers.rax);
  set(REG_RCX, registers.rcx);
  set(REG_RSP, registers.rsp);
  set(REG_RIP, registers.rip);
}

TracedRegisters RegistersOfWait(uintptr_t pc, uintptr_t stack_pointer) {
  // Not 0: a return address of that says that there is no caller, and vfork has its own in a register.
  constexpr unsigned long long kUnknown = 1;
  TracedRegisters registers = {};
  for (auto* value : {&registers.rax, &registers.rbx, &registers.rcx, &registers.rdx, &registers.rsi,
                      &registers.rdi, &registers.rbp, &registers.r8, &registers.r9, &registers.r10,
                      &registers.r11, &registers.r12, &registers.r13, &registers.r14, &registers.r15}) {
    *value = kUnknown;
  }
  registers.rip = pc;
  registers.rsp = stack_pointer;
  return registers;
}

int SystemCallOf(const TracedRegisters& registers) { return static_cast<int>(registers.orig_rax); }

bool RestartInterruptedCall(TracedRegisters* registers) {
  const auto result = static_cast<long>(registers->rax);
  if (result != -EINTR) return false;
  bool endless = false;
  switch (registers->orig_rax) {
    case SYS_epoll_wait:
      endless = static_cast<int>(registers->r10) < 0;
      break;
    case SYS_epoll_pwait:  // a signal mask of its own promises that no signal falls in between: r8
      endless = static_cast<int>(registers->r10) < 0 && registers->r8 == 0;
      break;
    case SYS_epoll_pwait2:
      endless = registers->r10 == 0 && registers->r8 == 0;
      break;
    case SYS_rt_sigtimedwait:
      endless = registers->rdx == 0;
      break;
    case SYS_io_getevents:
      endless = registers->r8 == 0;
      break;
    case SYS_semop:
      endless = true;
      break;
    case SYS_semtimedop:
      endless = registers->r10 == 0;
      break;
    default:
      break;
  }
  if (!endless) return false;
  registers->rax = registers->orig_rax;
  registers->rip -= kSyscallBytes;
  return true;
}

int CloneOnStack(long flags, void* stack_top, void* thread_pointer, std::atomic<int>* alive,
                 void (*function)(void* argument), void* argument) {
  auto* stack = static_cast<void**>(stack_top);
  *--stack = argument;
  *--stack = reinterpret_cast<void*>(function);
  return Clone(flags, stack, alive, alive, thread_pointer);
}

int CloneProcess(void* stack_top, std::atomic<int>* alive, void (*function)(void* argument), void* argument) {
  return CloneOnStack(kProcessFlags, stack_top, nullptr, alive, function, argument);
}

}  // namespace heapprof
