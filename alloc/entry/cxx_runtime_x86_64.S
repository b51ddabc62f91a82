# SPDX-License-Identifier: Apache-2.0
# What the compiler refers to where code catches exceptions: jumps to the program's C++ runtime, which
# cxx_runtime_found.cc has found before an exception can come by. Hidden: nobody else's reference ends here.
  .text
.macro JUMP name, target
  .globl \name
  .hidden \name
  .type \name, @function
\name:
  .cfi_startproc
  jmp *\target(%rip)
  .cfi_endproc
  .size \name, . - \name
.endm

  JUMP __gxx_personality_v0, hp_cxx_personality
  JUMP __cxa_begin_catch, hp_cxx_begin_catch
  JUMP __cxa_end_catch, hp_cxx_end_catch
  JUMP _Unwind_Resume, hp_cxx_resume

  .section .note.GNU-stack, "", @progbits
