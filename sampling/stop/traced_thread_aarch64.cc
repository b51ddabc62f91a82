// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/system/raw_syscall.h"
#include "sampling/stop/traced_thread.h"
#include "sampling/stop/tracer_process.h"

extern "C" __attribute__((visibility("hidden"))) int hp_clone(long flags, void* stack, void* parents_id,
                                                              void* thread_pointer, void* childs_id);

// Function and argument are on the new stack.
asm(R"(
        .text
        .p2align 2
        .globl  hp_clone
        .hidden hp_clone
        .type   hp_clone, %function
hp_clone:
        .cfi_startproc
        hint    #34  // bti c
        mov     x8, #220  // SYS_clone
        svc     #0
        cbz     x0, 1f
        ret
1:
        .cfi_undefined 30
        mov     x29, #0
        mov     x30, #0
        ldp     x1, x0, [sp], #16
        blr     x1
        mov     x0, #0
        mov     x8, #94  // SYS_exit_group
        svc     #0
        brk     #1
        .cfi_endproc
        .size   hp_clone, . - hp_clone
)");
static_assert(SYS_clone == 220 && SYS_exit_group == 94);

namespace heapprof {
namespace {

constexpr long kProcessFlags =
    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
constexpr uint32_t kSvc = 0xd4000001;
constexpr long kThreadPointer = 0x401;  // NT_ARM_TLS

bool IsSystemCall(uintptr_t pc) {
  uint32_t code;
  return RawReadOwnMemory(reinterpret_cast<const void*>(pc), &code, sizeof(code)) ==
             static_cast<ssize_t>(sizeof(code)) &&
         code == kSvc;
}

}  // namespace

bool ReadTracedRegisters(int tid, TracedRegisters* registers) {
  iovec general = {registers, sizeof(user_regs_struct)};
  if (Trace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &general) != 0) return false;
  iovec local = {&registers->thread_pointer, sizeof(registers->thread_pointer)};
  return Trace(PTRACE_GETREGSET, tid, kThreadPointer, &local) == 0;
}

bool WriteTracedRegisters(int tid, TracedRegisters* registers) {
  iovec general = {registers, sizeof(user_regs_struct)};
  return Trace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &general) == 0;
}

InterruptedCode ReadTracedCode(const TracedRegisters& registers) {
  auto start = reinterpret_cast<uintptr_t>(&registers);
  return {registers.sp, registers.thread_pointer, {start, start + sizeof(registers)}, {0, 0}};
}

void MakeContext(const TracedRegisters& registers, ucontext_t* context) {
  mcontext_t& to = context->uc_mcontext;
  static_assert(sizeof(to.regs) == sizeof(registers.regs));
  memcpy(&to.regs, &registers.regs, sizeof(to.regs));
  to.sp = registers.sp;
  to.pc = registers.pc;
}

TracedRegisters RegistersOfWait(uintptr_t pc, uintptr_t stack_pointer) {
  // Not 0: a return address of that says that there is no caller.
  constexpr unsigned long long kUnknown = 1;
  TracedRegisters registers = {};
  for (auto& value : registers.regs) value = kUnknown;
  registers.pc = pc;
  registers.sp = stack_pointer;
  return registers;
}

// The kernel has no number any more of the call of a thread that it shows stopped, and has put it in front of
// the instruction, with its arguments, if the call is to be made again.
int SystemCallOf(const TracedRegisters& registers) {
  constexpr int kNumber = 8;
  return IsSystemCall(registers.pc) ? static_cast<int>(registers.regs[kNumber]) : -1;
}

// A call that the kernel ended with EINTR has that in x0, and its first argument in orig_x0, which no tracer
// is shown.
bool RestartInterruptedCall(TracedRegisters*) { return false; }

int CloneOnStack(long flags, void* stack_top, void* thread_pointer, std::atomic<int>* alive,
                 void (*function)(void* argument), void* argument) {
  auto* stack = static_cast<void**>(stack_top);
  *--stack = argument;
  *--stack = reinterpret_cast<void*>(function);
  return hp_clone(flags, stack, alive, thread_pointer, alive);
}

int CloneProcess(void* stack_top, std::atomic<int>* alive, void (*function)(void* argument), void* argument) {
  return CloneOnStack(kProcessFlags, stack_top, nullptr, alive, function, argument);
}

}  // namespace heapprof
