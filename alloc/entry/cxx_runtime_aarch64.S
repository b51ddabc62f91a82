// SPDX-License-Identifier: Apache-2.0
// As cxx_runtime_x86_64.S: jumps to the program's C++ runtime, and the names by which a linker shows the program's own.
  .text
.macro JUMP name, target
  .globl \name
  .hidden \name
  .type \name, %function
\name:
  .cfi_startproc
  adrp x16, \target
  ldr x16, [x16, :lo12:\target]
  br x16
  .cfi_endproc
  .size \name, . - \name
.endm

  JUMP __wrap___gxx_personality_v0, hp_cxx_personality
  JUMP __wrap___cxa_begin_catch, hp_cxx_begin_catch
  JUMP __wrap___cxa_end_catch, hp_cxx_end_catch
  JUMP _Unwind_Resume, hp_cxx_resume
  JUMP _ZSt9terminatev, hp_cxx_terminate

.macro SHOW name
  .weak \name
  .xword \name
.endm

  .section .data.rel.ro, "aw", %progbits
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

  .section .note.GNU-stack, "", %progbits
