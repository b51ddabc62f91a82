// SPDX-License-Identifier: Apache-2.0
// long syscall(long number, ...), for aarch64: as syscall_x86_64.S, which says why.

#define SYS_EXIT 93
#define SYS_SECCOMP 277

        .text
        .hidden hp_next_syscall, hp_thread_ends, hp_watched, hp_serves, hp_changes_rights, hp_rights_syscall
        .globl  syscall
        .type   syscall, %function
        .p2align 4
syscall:
        .cfi_startproc
        cmp     x0, #SYS_EXIT
        b.eq    1f
        cmp     x0, #SYS_SECCOMP
        b.eq    4f
        adrp    x9, hp_watched
        ldrb    w9, [x9, :lo12:hp_watched]
        adrp    x10, hp_serves
        ldrb    w10, [x10, :lo12:hp_serves]
        orr     w9, w9, w10
        cbnz    w9, 4f
5:      adrp    x16, hp_next_syscall
        ldr     x16, [x16, :lo12:hp_next_syscall]
        cbz     x16, 2f
        br      x16

1:      stp     x29, x30, [sp, #-32]!
        .cfi_remember_state
        .cfi_def_cfa_offset 32
        .cfi_offset 29, -32
        .cfi_offset 30, -24
        mov     x29, sp
        str     x1, [sp, #16]
        bl      hp_thread_ends
        ldr     x0, [sp, #16]
        mov     x8, #SYS_EXIT
        svc     #0
        brk     #1
        .cfi_restore_state

2:      mov     x8, x0
        mov     x0, x1
        mov     x1, x2
        mov     x2, x3
        mov     x3, x4
        mov     x4, x5
        mov     x5, x6
        svc     #0
        cmn     x0, #4095
        b.cs    3f
        ret
3:      stp     x29, x30, [sp, #-32]!
        .cfi_remember_state
        .cfi_def_cfa_offset 32
        .cfi_offset 29, -32
        .cfi_offset 30, -24
        mov     x29, sp
        neg     w0, w0
        str     w0, [sp, #16]
        bl      __errno_location
        ldr     w1, [sp, #16]
        str     w1, [x0]
        mov     x0, #-1
        ldp     x29, x30, [sp], #32
        .cfi_restore_state
        ret

        // A wall-clock profile runs, or HTTP is served, or it is seccomp: is it a call that the watcher or the server must not outlive?
4:      stp     x29, x30, [sp, #-80]!
        .cfi_def_cfa_offset 80
        .cfi_offset 29, -80
        .cfi_offset 30, -72
        mov     x29, sp
        stp     x0, x1, [sp, #16]
        stp     x2, x3, [sp, #32]
        stp     x4, x5, [sp, #48]
        str     x6, [sp, #64]
        bl      hp_changes_rights
        mov     w9, w0
        ldp     x0, x1, [sp, #16]
        ldp     x2, x3, [sp, #32]
        ldp     x4, x5, [sp, #48]
        ldr     x6, [sp, #64]
        ldp     x29, x30, [sp], #80
        .cfi_def_cfa_offset 0
        .cfi_restore 29
        .cfi_restore 30
        tst     w9, #0xff
        b.eq    5b
        adrp    x9, hp_next_syscall
        ldr     x9, [x9, :lo12:hp_next_syscall]
        cbz     x9, 5b
        b       hp_rights_syscall
        .cfi_endproc
        .size   syscall, . - syscall

        .section .note.GNU-stack, "", %progbits
