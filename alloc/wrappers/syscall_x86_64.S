// SPDX-License-Identifier: Apache-2.0
// long syscall(long number, ...), for x86-64: libc's, but for exit, and for what changes the rights of the
// process while a wall-clock profile runs or HTTP is served (rights.h), and for seccomp at any time.
//
// A thread that ends by the system call alone runs no destructor of a key. jemalloc would go on to hold its record,
// which lies in the thread's own memory, in lists that other threads write: once that memory is unmapped or another
// thread's, the next thread that allocates may crash. So the thread gives up its cache before it goes.
//
// All else is a jump to libc's: no frame of ours stands above what a thread waits in, and the seventh argument stays
// where it is. Before that is known, and in a program without a loader, the call is made here, as libc makes it.

#define SYS_EXIT 60
#define SYS_SECCOMP 317

        .text
        .hidden hp_next_syscall, hp_thread_ends, hp_watched, hp_serves, hp_changes_rights, hp_rights_syscall
        .globl  syscall
        .type   syscall, @function
        .p2align 4
syscall:
        .cfi_startproc
        cmpq    $SYS_EXIT, %rdi
        je      1f
        cmpq    $SYS_SECCOMP, %rdi
        je      4f
        cmpb    $0, hp_watched(%rip)
        jne     4f
        cmpb    $0, hp_serves(%rip)
        jne     4f
5:      movq    hp_next_syscall(%rip), %rax
        testq   %rax, %rax
        je      2f
        jmp     *%rax

1:      pushq   %rsi
        .cfi_adjust_cfa_offset 8
        call    hp_thread_ends
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        movl    $SYS_EXIT, %eax
        syscall
        hlt

2:      movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
        movq    %r8, %r10
        movq    %r9, %r8
        movq    8(%rsp), %r9
        syscall
        cmpq    $-4095, %rax
        jae     3f
        ret
3:      negq    %rax
        pushq   %rax
        .cfi_adjust_cfa_offset 8
        call    *__errno_location@GOTPCREL(%rip)
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        movl    %ecx, (%rax)
        movq    $-1, %rax
        ret

        // A wall-clock profile runs, or HTTP is served, or it is seccomp: is it a call that the watcher or the server must not outlive?
4:      subq    $56, %rsp
        .cfi_adjust_cfa_offset 56
        movq    %rdi, (%rsp)
        movq    %rsi, 8(%rsp)
        movq    %rdx, 16(%rsp)
        movq    %rcx, 24(%rsp)
        movq    %r8, 32(%rsp)
        movq    %r9, 40(%rsp)
        call    hp_changes_rights
        movq    (%rsp), %rdi
        movq    8(%rsp), %rsi
        movq    16(%rsp), %rdx
        movq    24(%rsp), %rcx
        movq    32(%rsp), %r8
        movq    40(%rsp), %r9
        addq    $56, %rsp
        .cfi_adjust_cfa_offset -56
        testb   %al, %al
        je      5b
        cmpq    $0, hp_next_syscall(%rip)
        je      5b
        jmp     hp_rights_syscall
        .cfi_endproc
        .size   syscall, . - syscall

        .section .note.GNU-stack, "", @progbits
