// SPDX-License-Identifier: Apache-2.0
#include "base/system/call_on_stack.h"

// heapprof::CallOnStack, as gcc knows no naked functions here. x29 holds the old stack over the call, so that
// the CFA stays known to unwinders.
asm(R"(
        .text
        .p2align 2
        .globl  _ZN8heapprof11CallOnStackEPFvPvES0_S0_
        .hidden _ZN8heapprof11CallOnStackEPFvPvES0_S0_
        .type   _ZN8heapprof11CallOnStackEPFvPvES0_S0_, %function
_ZN8heapprof11CallOnStackEPFvPvES0_S0_:
        .cfi_startproc
        hint    #34  // bti c
        stp     x29, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset 29, -16
        .cfi_offset 30, -8
        mov     x29, sp
        .cfi_def_cfa 29, 16
        mov     x9, x0
        mov     x0, x1
        mov     sp, x2
        blr     x9
        mov     sp, x29
        .cfi_def_cfa 31, 16
        ldp     x29, x30, [sp], #16
        .cfi_def_cfa_offset 0
        .cfi_restore 29
        .cfi_restore 30
        ret
        .cfi_endproc
        .size   _ZN8heapprof11CallOnStackEPFvPvES0_S0_, . - _ZN8heapprof11CallOnStackEPFvPvES0_S0_
)");
