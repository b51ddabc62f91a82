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

#include "alloc/backend/jemalloc_leaves.h"
#include "jemalloc_bins_checked.h"

// sample_classes::kMayHold
#define LG_MAY_HOLD 62

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

// Subtracts the size %rdi from the countdown and jumps to \slow if it ran out. Then compares the size with the bound
// of those that a cache has, from which the stamps take more than there is once the interval has changed: signed, as
// the bound is below 0 then; a size below 0 would have run any countdown out.
.macro  COUNT_DOWN slow
        movq    hp_countdown@gottpoff(%rip), %rax
        subq    %rdi, %fs:(%rax)
        jbe     \slow
        movq    %fs:8(%rax), %rdx
        subq    hp_interval_stamp(%rip), %rdx
#if HEAPPROF_JEMALLOC_BINS
        cmpq    %rdx, %rdi
        jge     3f
#else
        js      \slow
#endif
.endm

// The calling thread's record of jemalloc.
.macro  RECORD_OF_THREAD reg
        movq    %fs:0, \reg
        addq    hpje_je_tsd_tls@gottpoff(%rip), \reg
.endm

// Returns a block of %rdi bytes out of the thread's cache, if there is one and no event is due; else falls through
// with %rdi as it was. Jumps to \slow if it was the interval that COUNT_DOWN found out of bounds, not the size.
.macro  TAKE_CACHED slow
#if HEAPPROF_JEMALLOC_BINS
        RECORD_OF_THREAD %rcx
        leal    7(%rdi), %eax
        leaq    hp_cached_sizes(%rip), %rsi
        shrl    $3, %eax
        movzwl  (%rsi,%rax,4), %edx
        movzwl  2(%rsi,%rax,4), %esi
        addq    JE_ALLOCATED(%rcx), %rdx
        cmpq    JE_ALLOCATED_LIMIT(%rcx), %rdx
        jae     2f
        movq    JE_BIN_TOP(%rcx,%rsi), %r8
        cmpw    %r8w, JE_BIN_LOW_WATER(%rcx,%rsi)
        je      1f
0:      movq    (%r8), %rax
        addq    $8, %r8
        movq    %rdx, JE_ALLOCATED(%rcx)
        incq    JE_BIN_REQUESTS(%rcx,%rsi)
        movq    %r8, JE_BIN_TOP(%rcx,%rsi)
        ret
1:      cmpw    %r8w, JE_BIN_EMPTY(%rcx,%rsi)
        je      2f
        leal    8(%r8), %eax
        movw    %ax, JE_BIN_LOW_WATER(%rcx,%rsi)
        jmp     0b
3:      testq   %rdx, %rdx
        js      \slow
2:
#endif
.endm

// Returns after it has put the block %rdi, of a size class of %r8 bytes, into the thread's cache; jumps to \otherwise
// when it is full, and to \due when an event is due. %rcx: the record; \bin: where the bin is.
.macro  PUSH_CACHED bin, otherwise, due
        addq    JE_DEALLOCATED(%rcx), %r8
        cmpq    JE_DEALLOCATED_LIMIT(%rcx), %r8
        jae     \due
6:      movq    JE_BIN_TOP\bin, %rax
        cmpw    %ax, JE_BIN_FULL\bin
        je      \otherwise
        movq    %rdi, -8(%rax)
        subq    $8, %rax
        movq    %r8, JE_DEALLOCATED(%rcx)
        movq    %rax, JE_BIN_TOP\bin
        ret
.endm

// Compares the filter's counter of the address %rdi, which is no page's, with 0 (sampling/heap/sample_filter.h).
.macro  COUNT_OF_UNIT
        movl    %edi, %eax
        leaq    hp_samples_of_unit(%rip), %r9
        shrl    $8, %eax
        andl    $(1 << 20) - 1, %eax
        cmpb    $0, (%r9,%rax)
.endm

// Leaves for the slow way if the block %rdi may be a sample: if it is aligned as samples are and the filter counts
// some at its address; with the least mask the filter is out of use. Uses %rax, %r9.
.macro  JUMP_IF_SAMPLE
        testl   %edi, hp_sample_mask(%rip)
        jne     9f
        cmpl    $15, hp_sample_mask(%rip)
        jbe     hp_free_slow
        testl   $4095, %edi
        je      8f
        COUNT_OF_UNIT
        je      9f
        jmp     hp_free_slow
8:      movl    %edi, %eax
        leaq    hp_samples_of_page(%rip), %r9
        shrl    $12, %eax
        movzwl  %ax, %eax
        cmpb    $0, (%r9,%rax)
        jne     hp_free_slow
9:
.endm

// What jemalloc has noted of the page of the address %rdi, in %r10, by the leaf %rsi; the low 16 bits of %rdx are the
// page's number's.
.macro  PAGE_WORD
#if defined(JE_WIDE_ADDRESSES)
        movl    %edi, %edx
        shrl    $JE_PAGE_SHIFT, %edx
        movl    %edx, %r10d
        andl    $((1 << (JE_LEAF_SHIFT - JE_PAGE_SHIFT)) - 1), %r10d
        shll    $JE_LG_PAGE_ENTRY, %r10d
        movl    JE_PAGE_WORD(%rsi,%r10), %r10d
#else
        leal    (,%rdi,1 << (32 - JE_LEAF_SHIFT)), %edx
        shrl    $(JE_PAGE_SHIFT + 32 - JE_LEAF_SHIFT), %edx
        movq    JE_PAGE_WORD(%rsi,%rdx,1 << JE_LG_PAGE_ENTRY), %r10
#endif
.endm

// free: the slow way for a sample's block, else into the thread's cache, or jemalloc's free.
.macro  FREE
#if HEAPPROF_JEMALLOC_BINS
        testl   %edi, hp_slow_free_mask(%rip)
        je      hp_free_slow
        RECORD_OF_THREAD %rcx
        movq    %rdi, %rax
        movq    %rdi, %rdx
        shrq    $(JE_LEAF_SHIFT - 4), %rax
        andq    $-(1 << JE_LEAF_SHIFT), %rdx
        andl    $((JE_LEAF_COUNT - 1) << 4), %eax
        cmpq    %rdx, JE_LEAVES(%rcx,%rax)
        jne     4f
        movq    JE_LEAVES+8(%rcx,%rax), %rsi
        PAGE_WORD
        testb   $1, %r10b
        je      4f
        shrq    $JE_CLASS_SHIFT, %r10
        leaq    hp_freed_sizes(%rip), %rax
        movq    (%rax,%r10,8), %r8
        leal    (%r10,%r10,2), %r10d
        leaq    JE_BINS(%rcx,%r10,8), %r10
        PUSH_CACHED (%r10), hpje_free, 5f
        // An event is due, or the class may hold samples: all its blocks are aligned as they are. Of an address that
        // is a page's, %rdx still has the page's number.
5:      testl   $4095, %edi
        jne     8f
        leaq    hp_samples_of_page(%rip), %r9
        movzwl  %dx, %eax
        cmpb    $0, (%r9,%rax)
        jne     hp_free_slow
9:      btrq    $LG_MAY_HOLD, %r8
        cmpq    JE_DEALLOCATED_LIMIT(%rcx), %r8
        jb      6b
        jmp     hpje_free
8:      COUNT_OF_UNIT
        je      9b
        jmp     hp_free_slow
#endif
4:      JUMP_IF_SAMPLE
        jmp     hpje_free
.endm

// The same for a block whose size the program has told in %rsi.
.macro  KEEP_CACHED_OF_SIZE otherwise
#if HEAPPROF_JEMALLOC_BINS
        cmpq    $JE_LOOKUP_MAX, %rsi
        ja      \otherwise
        RECORD_OF_THREAD %rcx
        leal    7(%rsi), %eax
        leaq    hp_cached_sizes(%rip), %rdx
        shrl    $3, %eax
        movzwl  (%rdx,%rax,4), %r8d
        movzwl  2(%rdx,%rax,4), %edx
        PUSH_CACHED "(%rcx,%rdx)", \otherwise, \otherwise
#else
        jmp     \otherwise
#endif
.endm

        .hidden hp_malloc_slow, hp_free_slow, hp_new_slow, hp_new_failed, hp_delete_replaced
        .hidden hpje_malloc, hpje_free, hpje_je_je_sdallocx_noflags
        .hidden hpje_je_tsd_tls, hp_freed_sizes, hp_slow_free_mask
        .hidden hp_sample_mask, hp_samples_of_page, hp_samples_of_unit
        .hidden hp_interval_stamp, hp_cached_sizes
        .type   hpje_je_tsd_tls, @tls_object

// void* malloc(size_t size)
        ENTRY   malloc
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
        testl   %edi, hp_sample_mask(%rip)
        je      4f
5:      KEEP_CACHED_OF_SIZE hpje_je_je_sdallocx_noflags
4:      JUMP_IF_SAMPLE
        jmp     5b
1:      jmp     *_ZdlPv@GOTPCREL(%rip)
        END     _ZdlPvm

// void operator delete[](void* block, size_t size)
        OPERATOR _ZdaPvm
        cmpb    $0, hp_delete_replaced(%rip)
        jne     1f
        testl   %edi, hp_sample_mask(%rip)
        je      4f
5:      KEEP_CACHED_OF_SIZE hpje_je_je_sdallocx_noflags
4:      JUMP_IF_SAMPLE
        jmp     5b
1:      jmp     *_ZdaPv@GOTPCREL(%rip)
        END     _ZdaPvm

        .section .note.GNU-stack, "", @progbits
