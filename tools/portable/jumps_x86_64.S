// SPDX-License-Identifier: Apache-2.0
// Hidden functions of these names, which jump to the first version of each.
  .text
.macro JUMP name
  .symver hp_first_\name, \name@GLIBC_2.2.5
  .globl \name
  .hidden \name
  .type \name, @function
\name:
  .cfi_startproc
  endbr64
  jmp *hp_first_\name@GOTPCREL(%rip)
  .cfi_endproc
  .size \name, . - \name
.endm

#define HP_JUMP(name) JUMP name
#include "tools/portable/jumps.inc"

// The fourth argument is the program's own constructors, which crt1.o of today leaves empty.
  .symver hp_first_start, __libc_start_main@GLIBC_2.2.5
  .globl __libc_start_main
  .hidden __libc_start_main
  .type __libc_start_main, @function
__libc_start_main:
  .cfi_startproc
  endbr64
  leaq hp_run_constructors(%rip), %rcx
  jmp *hp_first_start@GOTPCREL(%rip)
  .cfi_endproc
  .size __libc_start_main, . - __libc_start_main

  .section .note.GNU-stack, "", @progbits
