// SPDX-License-Identifier: Apache-2.0
// x86-64: a SIGTRAP after each instruction of this thread, from the return of TrapOn up to TrapOff. Both can
// be unwound at each of their own instructions. For one source file of a program.
#pragma once

extern "C" void TrapOn();
extern "C" void TrapOff();

__asm__(
    ".text\n"
    "TrapOn: .cfi_startproc\n"
    "pushfq\n .cfi_adjust_cfa_offset 8\n orq $0x100, (%rsp)\n popfq\n .cfi_adjust_cfa_offset -8\n ret\n"
    ".cfi_endproc\n"
    "TrapOff: .cfi_startproc\n"
    "pushfq\n .cfi_adjust_cfa_offset 8\n andq $~0x100, (%rsp)\n popfq\n .cfi_adjust_cfa_offset -8\n ret\n"
    ".cfi_endproc\n");
