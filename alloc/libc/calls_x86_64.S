# SPDX-License-Identifier: Apache-2.0
# What the shared library calls of libc that an older one lacks (calls.inc): jumps to what calls_found.cc has
# found. Hidden, so that every reference of the library ends here, and none of another module.
#
# A jump takes as many instructions as the linker's own way to a function of libc.
  .text
.macro JUMP name
  .globl \name
  .hidden \name
  .type \name, @function
\name:
  .cfi_startproc
  endbr64
  jmp *hp_found_\name(%rip)
  .cfi_endproc
  .size \name, . - \name
.endm

#define HP_CALL(name) JUMP name
#include "alloc/libc/calls.inc"

# glibc before 2.34 answers 0 where libpthread is not loaded.
  .globl pthread_self
  .hidden pthread_self
  .type pthread_self, @function
pthread_self:
  .cfi_startproc
  mov %fs:0x10, %rax
  ret
  .cfi_endproc
  .size pthread_self, . - pthread_self

  .section .note.GNU-stack, "", @progbits
