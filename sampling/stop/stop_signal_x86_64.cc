// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "sampling/stop/stop_signal.h"

namespace heapprof {
namespace {

constexpr unsigned long kRestorer = 0x04000000;  // SA_RESTORER

__attribute__((naked)) void RestoreSignal() {
  asm volatile("movl %0, %%eax\n\tsyscall" : : "i"(SYS_rt_sigreturn));
}

// The kernel puts this into bytes that fxsave leaves to software (asm/sigcontext.h).
struct SoftwareBytes {
  uint32_t magic1, extended_size;
};
constexpr uint32_t kMagic1 = 0x46505853;
constexpr size_t kFxsaveSize = 512, kSoftwareBytes = 464, kMaxExtended = 64 << 10;

AddressRange VectorRegisters(const void* state) {
  if (state == nullptr) return {0, 0};
  SoftwareBytes software;
  memcpy(&software, static_cast<const char*>(state) + kSoftwareBytes, sizeof(software));
  size_t size = kFxsaveSize;
  if (software.magic1 == kMagic1 && software.extended_size >= kFxsaveSize &&
      software.extended_size <= kMaxExtended) {
    size = software.extended_size;
  }
  auto start = reinterpret_cast<uintptr_t>(state);
  return {start, start + size};
}

}  // namespace

KernelSigaction StopAction(void (*handler)(int, siginfo_t*, void*)) {
  return {handler, SA_SIGINFO | SA_RESTART | SA_ONSTACK | kRestorer, RestoreSignal, ~uint64_t{0}};
}

InterruptedCode ReadInterruptedCode(void* context) {
  auto* user = static_cast<ucontext_t*>(context);
  auto start = reinterpret_cast<uintptr_t>(&user->uc_mcontext.gregs);
  return {static_cast<uintptr_t>(user->uc_mcontext.gregs[REG_RSP]),
          ControlBlock(),
          {start, start + sizeof(user->uc_mcontext.gregs)},
          VectorRegisters(user->uc_mcontext.fpregs)};
}

void MakeContext(const InterruptedCode& code, ucontext_t* context) {
  const void* from = reinterpret_cast<const void*>(code.registers.start);
  greg_t* to = context->uc_mcontext.gregs;
  if (code.registers.end - code.registers.start != sizeof(SavedRegisters)) {
    memcpy(to, from, sizeof(context->uc_mcontext.gregs));
    return;
  }
  SavedRegisters saved;
  memcpy(&saved, from, sizeof(saved));
  // The return address of CallWithRegisters stands below.
  memcpy(&to[REG_RIP], reinterpret_cast<const void*>(saved.stack_pointer - sizeof(to[0])), sizeof(to[0]));
  constexpr int kIndex[kKeptCount] = {REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15};
  for (size_t i = 0; i < kKeptCount; ++i) to[kIndex[i]] = static_cast<greg_t>(saved.kept[i]);
  to[REG_RSP] = static_cast<greg_t>(saved.stack_pointer);
}

// Makes a SavedRegisters of the stack's top. The stack pointer that is kept is the caller's after our return.
#define PUSH_REGISTERS           \
  "leaq 8(%rsp), %rax\n\t"       \
  "pushq %rax\n\t"               \
  ".cfi_adjust_cfa_offset 8\n\t" \
  "pushq %r15\n\t"               \
  ".cfi_adjust_cfa_offset 8\n\t" \
  "pushq %r14\n\t"               \
  ".cfi_adjust_cfa_offset 8\n\t" \
  "pushq %r13\n\t"               \
  ".cfi_adjust_cfa_offset 8\n\t" \
  "pushq %r12\n\t"               \
  ".cfi_adjust_cfa_offset 8\n\t" \
  "pushq %rbp\n\t"               \
  ".cfi_adjust_cfa_offset 8\n\t" \
  "pushq %rbx\n\t"               \
  ".cfi_adjust_cfa_offset 8\n\t"
// Seven pushes and our return address: aligned to 16.
#define CALL_AND_RETURN            \
  "callq *%rax\n\t"                \
  "addq $56, %rsp\n\t"             \
  ".cfi_adjust_cfa_offset -56\n\t" \
  "retq"

__attribute__((naked)) int CallWithRegisters(int (*)(void*, const SavedRegisters*), void*) {
  asm volatile(PUSH_REGISTERS
               "movq %rdi, %rax\n\t"
               "movq %rsi, %rdi\n\t"
               "movq %rsp, %rsi\n\t" CALL_AND_RETURN);
}

__attribute__((naked)) int CallWithRegisters(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t,
                                             RegistersFunction) {
  asm volatile(PUSH_REGISTERS
               "movq %r9, %rax\n\t"
               "movq %rsp, %r9\n\t" CALL_AND_RETURN);
}
#undef PUSH_REGISTERS
#undef CALL_AND_RETURN

uintptr_t ControlBlock() {
  uintptr_t block;
  asm("movq %%fs:16, %0" : "=r"(block));
  return block;
}

}  // namespace heapprof
