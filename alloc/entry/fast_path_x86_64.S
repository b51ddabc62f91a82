// SPDX-License-Identifier: Apache-2.0
// malloc, free, and the operators that most programs live by, for x86-64.
//
// malloc counts the thread's bytes down (ThreadCountdown in sampling/thread/countdown.h) and goes the slow way when the
// countdown was not larger than the size, compared unsigned: so do absurd sizes, and every size, 0 too, when the
// countdown is 0, which is how a thread begins. It does so too when the interval has changed since: one comparison
// tells that, and sizes that no cache has, from the rest. free goes the slow way for a null pointer, and for a block
// that may be a sample: those of size classes that may hold samples are asked where they lie (JUMP_IF_SAMPLE), as are
// those that share no slab, and those whose class is not at hand, as their page is new to the thread. The class says
// no by a comparison that is made anyway (sampling/thread/sample_classes.h). Both leave by a jump: no frame of ours
// stands on the stack when jemalloc or the slow path runs, and the slow path finds the program's frame under its own.
//
// Where the thread's cache has a block, or room for one, jemalloc's own way is some 30 instructions without a
// call. It stands here in fewer (TAKE_CACHED, KEEP_CACHED, KEEP_CACHED_OF_SIZE), which is more than the countdown
// and the test cost; whatever is out of the ordinary is jemalloc's, by a jump to its function. alloc/backend/jemalloc_bins.h
// has the layout, and docs/decisions/0001-0017/0011-cached-blocks.md the reasons.
//
// It is assembly because gcc 12 does not fold subtraction, store and both comparisons into one `sub` to memory
// (clang 14 does). tests/alloc/fast_path.golden pins the instruction counts.
//
// The operators are weak, so that a program that links libheapprof.a can replace them as the standard says.

#include "alloc/entry/fast_path_x86_64.inc"

        .text

        .hidden hp_malloc_slow, hp_new_slow, hp_new_failed, hp_delete_replaced
        .hidden hp_new_replaced, hp_nothrow_new, hp_nothrow_array_new, hp_nothrow_new_slow, hp_nothrow_new_spent
        .hidden hpje_malloc, hpje_je_je_sdallocx_noflags

// void* malloc(size_t size)
        ENTRY   malloc
        .globl  hp_own_malloc
        .hidden hp_own_malloc
hp_own_malloc:
        COUNT_DOWN hp_malloc_slow
        TAKE_CACHED hp_malloc_slow
        jmp     hpje_malloc
        END     malloc

// void free(void* block)
        ENTRY   free
        FREE
        END     free

// void* operator new(size_t size)
        OPERATOR _Znwm
        .globl  hp_own_new
        .hidden hp_own_new
hp_own_new:
        COUNT_DOWN hp_new_slow
        TAKE_CACHED hp_new_slow
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

// void* operator new(size_t size, const std::nothrow_t&): by way of the throwing form where the program has replaced
// that, as the standard says.
        OPERATOR _ZnwmRKSt9nothrow_t
        cmpb    $0, hp_new_replaced(%rip)
        jne     hp_nothrow_new
.Lown_nothrow_new:
        COUNT_DOWN hp_nothrow_new_slow
        TAKE_CACHED hp_nothrow_new_slow
        jmp     hp_nothrow_new_spent
        END     _ZnwmRKSt9nothrow_t

// void* operator new[](size_t size, const std::nothrow_t&)
        OPERATOR _ZnamRKSt9nothrow_t
        cmpb    $0, hp_new_replaced(%rip)
        je      .Lown_nothrow_new
        jmp     hp_nothrow_array_new
        END     _ZnamRKSt9nothrow_t

// void operator delete(void* block)
        OPERATOR _ZdlPv
        .globl  hp_own_delete
        .hidden hp_own_delete
hp_own_delete:
        FREE
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
        testl   %edi, hp_slow_sized_mask(%rip)
        je      4f
5:      KEEP_CACHED_OF_SIZE hpje_je_je_sdallocx_noflags
4:      JUMP_IF_SAMPLE 5b
1:      jmp     *_ZdlPv@GOTPCREL(%rip)
        END     _ZdlPvm

// void operator delete[](void* block, size_t size)
        OPERATOR _ZdaPvm
        cmpb    $0, hp_delete_replaced(%rip)
        jne     1f
        testl   %edi, hp_slow_sized_mask(%rip)
        je      4f
5:      KEEP_CACHED_OF_SIZE hpje_je_je_sdallocx_noflags
4:      JUMP_IF_SAMPLE 5b
1:      jmp     *_ZdaPv@GOTPCREL(%rip)
        END     _ZdaPvm

        .section .note.GNU-stack, "", @progbits
