// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

#include "sampling/stop/stop_signal.h"

namespace heapprof {
namespace {

// Behind the general registers the kernel lays records, of which the first to have the magic number holds the
// vector registers.
struct RecordHead {
  uint32_t magic, size;
};
constexpr uint32_t kVectorMagic = 0x46508001;

AddressRange VectorRegisters(const mcontext_t& machine) {
  const auto* at = reinterpret_cast<const char*>(&machine.__reserved);
  const char* const end = at + sizeof(machine.__reserved);
  RecordHead head;
  while (static_cast<size_t>(end - at) >= sizeof(head)) {
    memcpy(&head, at, sizeof(head));
    if (head.size < sizeof(head) || head.size > static_cast<size_t>(end - at)) break;
    const auto start = reinterpret_cast<uintptr_t>(at);
    if (head.magic == kVectorMagic) return {start, start + head.size};
    at += head.size;
  }
  return {0, 0};
}

constexpr size_t kFp = kKeptCount - 2, kLink = kKeptCount - 1, kFirstKept = 19;

}  // namespace

// The kernel's own code returns from it.
KernelSigaction StopAction(void (*handler)(int, siginfo_t*, void*)) {
  return {handler, SA_SIGINFO | SA_RESTART | SA_ONSTACK, nullptr, ~uint64_t{0}};
}

InterruptedCode ReadInterruptedCode(void* context) {
  mcontext_t& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
  auto start = reinterpret_cast<uintptr_t>(&machine.regs);
  return {machine.sp, ControlBlock(), {start, start + sizeof(machine.regs)}, VectorRegisters(machine)};
}

void MakeContext(const InterruptedCode& code, ucontext_t* context) {
  const void* from = reinterpret_cast<const void*>(code.registers.start);
  mcontext_t& to = context->uc_mcontext;
  if (code.registers.end - code.registers.start != sizeof(SavedRegisters)) {
    // sp and pc follow them.
    static_assert(offsetof(mcontext_t, pc) == offsetof(mcontext_t, regs) + sizeof(to.regs) + sizeof(to.sp));
    memcpy(&to.regs, from, sizeof(to.regs) + sizeof(to.sp) + sizeof(to.pc));
    return;
  }
  SavedRegisters saved;
  memcpy(&saved, from, sizeof(saved));
  for (size_t i = 0; i < kKeptCount; ++i) to.regs[kFirstKept + i] = saved.kept[i];
  to.sp = saved.stack_pointer;
  // Behind the call of CallWithRegisters.
  to.pc = saved.kept[kLink];
  static_assert(kFirstKept + kFp == 29);
}

uintptr_t ControlBlock() {
  uintptr_t block;
  asm("mrs %0, tpidr_el0" : "=r"(block));
  return block;
}

}  // namespace heapprof

// heapprof::CallWithRegisters, both of them. The frame: the record of the caller's x29 and x30, then a
// SavedRegisters.
asm(R"(
        .macro  SAVE_AND_CALL name, from
        .globl  \name
        .hidden \name
        .type   \name, %function
        .p2align 2
\name:
        .cfi_startproc
        hint    #34  // bti c
        stp     x29, x30, [sp, #-128]!
        .cfi_def_cfa_offset 128
        .cfi_offset 29, -128
        .cfi_offset 30, -120
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        stp     x29, x30, [sp, #96]
        add     x10, sp, #128
        str     x10, [sp, #112]
        mov     x29, sp
        mov     x9, \from
        .endm
        .macro  END_OF_CALL name
        blr     x9
        ldp     x29, x30, [sp], #128
        .cfi_def_cfa_offset 0
        .cfi_restore 29
        .cfi_restore 30
        ret
        .cfi_endproc
        .size   \name, . - \name
        .endm

        .text
        SAVE_AND_CALL _ZN8heapprof17CallWithRegistersEPFiPvPKNS_14SavedRegistersEES0_, x0
        mov     x0, x1
        add     x1, sp, #16
        END_OF_CALL _ZN8heapprof17CallWithRegistersEPFiPvPKNS_14SavedRegistersEES0_

        SAVE_AND_CALL _ZN8heapprof17CallWithRegistersEmmmmmPFimmmmmPKNS_14SavedRegistersEE, x5
        add     x5, sp, #16
        END_OF_CALL _ZN8heapprof17CallWithRegistersEmmmmmPFimmmmmPKNS_14SavedRegistersEE
)");
