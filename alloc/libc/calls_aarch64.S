// SPDX-License-Identifier: Apache-2.0
// As calls_x86_64.S: jumps to what calls_found.cc has found.
        .text
.macro  JUMP name
        .globl  \name
        .hidden \name
        .type   \name, %function
\name:
        .cfi_startproc
        adrp    x16, hp_found_\name
        ldr     x16, [x16, :lo12:hp_found_\name]
        br      x16
        .cfi_endproc
        .size   \name, . - \name
.endm

#define HP_CALL(name) JUMP name
#include "alloc/libc/calls.inc"

// glibc before 2.34 answers 0 where libpthread is not loaded. The descriptor ends where the thread pointer points at.
        .globl  pthread_self
        .hidden pthread_self
        .type   pthread_self, %function
pthread_self:
        .cfi_startproc
        mrs     x0, tpidr_el0
        adrp    x1, hp_descriptor_size
        ldr     x1, [x1, :lo12:hp_descriptor_size]
        sub     x0, x0, x1
        ret
        .cfi_endproc
        .size   pthread_self, . - pthread_self
        .hidden hp_descriptor_size

        .section .note.GNU-stack, "", %progbits
