// SPDX-License-Identifier: Apache-2.0
// Hidden functions of these names, which jump to the first version of each.
  .arch armv8.5-a
  .text
.macro FIRST name
  bti c
  adrp x16, :got:\name
  ldr x16, [x16, :got_lo12:\name]
  br x16
.endm

.macro JUMP name
  .symver hp_first_\name, \name@GLIBC_2.17
  .globl \name
  .hidden \name
  .type \name, %function
\name:
  .cfi_startproc
  FIRST hp_first_\name
  .cfi_endproc
  .size \name, . - \name
.endm

#define HP_JUMP(name) JUMP name
#include "tools/portable/jumps.inc"

// The fourth argument is the program's own constructors, which crt1.o of today leaves empty.
  .symver hp_first_start, __libc_start_main@GLIBC_2.17
  .globl __libc_start_main
  .hidden __libc_start_main
  .type __libc_start_main, %function
__libc_start_main:
  .cfi_startproc
  bti c
  adrp x3, hp_run_constructors
  add x3, x3, :lo12:hp_run_constructors
  adrp x16, :got:hp_first_start
  ldr x16, [x16, :got_lo12:hp_first_start]
  br x16
  .cfi_endproc
  .size __libc_start_main, . - __libc_start_main

  .section .note.GNU-stack, "", %progbits
