# SPDX-License-Identifier: Apache-2.0
# What the compiler refers to where code catches exceptions: jumps to the program's C++ runtime, which
# cxx_runtime_found.cc has found before an exception can come by. The linker (--wrap) puts them in the place of
# the runtime's own names, which are left for what the program has.
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

  JUMP __wrap___gxx_personality_v0, hp_cxx_personality
  JUMP __wrap___cxa_begin_catch, hp_cxx_begin_catch
  JUMP __wrap___cxa_end_catch, hp_cxx_end_catch
  JUMP _Unwind_Resume, hp_cxx_resume
  JUMP _ZSt9terminatev, hp_cxx_terminate

# Weak references that nobody follows: when a program is linked that has its runtime within itself
# (-static-libstdc++), the linker sees them, and shows the program's own. So they are found, too.
.macro SHOW name
  .weak \name
  .quad \name
.endm

  .section .data.rel.ro, "aw", @progbits
  .balign 8
  SHOW __cxa_allocate_exception
  SHOW __cxa_throw
  SHOW _ZSt15get_new_handlerv
  SHOW _ZTVSt9bad_alloc
  SHOW _ZTISt9bad_alloc
  SHOW _ZNSt9bad_allocD1Ev
  SHOW __real___gxx_personality_v0
  SHOW __real___cxa_begin_catch
  SHOW __real___cxa_end_catch

  .section .note.GNU-stack, "", @progbits
