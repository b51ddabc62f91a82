// malloc, free, and the operators that most programs live by, for x86-64.
//
// malloc counts the thread's bytes down (ThreadCountdown in sampling/recorder.h) and goes the slow way when the
// countdown was not larger than the size, compared unsigned: so do absurd sizes, and every size, 0 too, when the
// countdown is 0, which is how a thread begins. free goes the slow way unless a bit of g_sample_mask is set in
// the address; so does a null pointer. Both leave by a jump: no frame of ours stands on the stack when jemalloc
// or the slow path runs, and the slow path finds the program's frame under its own.
//
// It is assembly because gcc 12 does not fold subtraction, store and both comparisons into one `sub` to memory
// (clang 14 does). tests/alloc/fast_path.golden pins the instruction counts.
//
// The operators are weak, so that a program that links libheapprof.a can replace them as the standard says.

        .text

.macro  BODY name
        .type   \name, @function
        .p2align 5
\name:
        .cfi_startproc
.endm

.macro  ENTRY name
        .globl  \name
        BODY    \name
.endm

.macro  END name
        .cfi_endproc
        .size   \name, . - \name
.endm

.macro  OPERATOR name
        .weak   \name
        BODY    \name
.endm

// Subtracts the size in \reg from the countdown. Sets the flags for jbe.
.macro  COUNT_DOWN reg
        movq    _ZN8heapprof11t_countdownE@gottpoff(%rip), %rax
        subq    \reg, %fs:(%rax)
.endm

        .hidden hp_malloc_slow, hp_free_slow, hp_new_slow, hp_new_failed, hp_delete_replaced
        .hidden hpje_malloc, hpje_free, hpje_je_je_sdallocx_noflags
        .hidden _ZN8heapprof13g_sample_maskE

// void* malloc(size_t size)
        ENTRY   malloc
        COUNT_DOWN %rdi
        jbe     hp_malloc_slow
        jmp     hpje_malloc
        END     malloc

// void free(void* block)
        ENTRY   free
        testl   %edi, _ZN8heapprof13g_sample_maskE(%rip)
        je      hp_free_slow
        jmp     hpje_free
        END     free

// void* operator new(size_t size)
        OPERATOR _Znwm
        .globl  hp_own_new
        .hidden hp_own_new
hp_own_new:
        COUNT_DOWN %rdi
        jbe     hp_new_slow
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        call    hpje_malloc
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        testq   %rax, %rax
        je      hp_new_failed
        ret
        END     _Znwm

// void* operator new[](size_t size): the standard has it call operator new, which a program may replace.
        OPERATOR _Znam
        .globl  hp_own_array_new
        .hidden hp_own_array_new
hp_own_array_new:
        jmp     *_Znwm@GOTPCREL(%rip)
        END     _Znam

// void operator delete(void* block)
        OPERATOR _ZdlPv
        .globl  hp_own_delete
        .hidden hp_own_delete
hp_own_delete:
        testl   %edi, _ZN8heapprof13g_sample_maskE(%rip)
        je      hp_free_slow
        jmp     hpje_free
        END     _ZdlPv

// void operator delete[](void* block)
        OPERATOR _ZdaPv
        .globl  hp_own_array_delete
        .hidden hp_own_array_delete
hp_own_array_delete:
        jmp     *_ZdlPv@GOTPCREL(%rip)
        END     _ZdaPv

// void operator delete(void* block, size_t size): jemalloc's sized free, when the block can be no sample, whose
// size class another alignment has made larger, and the program has not replaced the unsized form.
        OPERATOR _ZdlPvm
        cmpb    $0, hp_delete_replaced(%rip)
        jne     1f
        testl   %edi, _ZN8heapprof13g_sample_maskE(%rip)
        je      hp_free_slow
        jmp     hpje_je_je_sdallocx_noflags
1:      jmp     *_ZdlPv@GOTPCREL(%rip)
        END     _ZdlPvm

// void operator delete[](void* block, size_t size)
        OPERATOR _ZdaPvm
        cmpb    $0, hp_delete_replaced(%rip)
        jne     1f
        testl   %edi, _ZN8heapprof13g_sample_maskE(%rip)
        je      hp_free_slow
        jmp     hpje_je_je_sdallocx_noflags
1:      jmp     *_ZdaPv@GOTPCREL(%rip)
        END     _ZdaPvm

        .section .note.GNU-stack, "", @progbits
