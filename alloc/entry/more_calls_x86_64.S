// SPDX-License-Identifier: Apache-2.0
// calloc, and the functions that ask for an alignment, for x86-64: where the thread's cache has a block, as malloc of
// fast_path_x86_64.S. What is out of the ordinary is left, with nothing spent or taken, to the function in C++ of the
// same meaning (malloc.cc, new_throw.cc), by a jump.
//
// A block of a class that shares slabs is aligned to each power of two up to a page that divides the class. So an
// alignment is had by rounding the size up to a multiple of it, and jemalloc does no other. Blocks of whole pages may
// begin anywhere: those stay jemalloc's.
//
// realloc and malloc_usable_size: of blocks that share slabs, where the thread's cache knows the page, as
// free of fast_path_x86_64.S. What is out of the ordinary, every sample for one, is left as it is to the function in
// C++ of the same meaning (malloc.cc), by a jump.

#include "alloc/entry/fast_path_x86_64.inc"

        .text

        .hidden hp_calloc, hp_aligned_alloc, hp_memalign, hp_posix_memalign, hp_aligned_new

// Goes on with the address of the block in %rax, taken out of the bin of the size that is \rounded; jumps to \otherwise
// where there is none. %r10: that size less one; \size is what is counted down. Uses %rcx, %r8 (the usable bytes), %r9,
// %r10, %r11 and \top, of which \top16 is the lower half.
.macro  TAKE_UNSPENT size, top, top16, otherwise
        ENOUGH_LEFT \size, \otherwise
        RECORD_OF_THREAD %rcx
        BIN_OF_SIZE 3f
2:      movq    %r8, %r11
        addq    JE_ALLOCATED(%rcx), %r11
        cmpq    JE_ALLOCATED_LIMIT(%rcx), %r11
        jae     \otherwise
        addq    %rcx, %r10
        movq    JE_BIN_TOP(%r10), \top
        cmpw    \top16, JE_BIN_LOW_WATER(%r10)
        je      1f
0:      subq    \size, %fs:(%r9)
        leaq    8(\top), %r9
        movq    (\top), %rax
        movq    %r11, JE_ALLOCATED(%rcx)
        incq    JE_BIN_REQUESTS(%r10)
        movq    %r9, JE_BIN_TOP(%r10)
.endm

// What TAKE_UNSPENT jumps to, behind the last return.
.macro  REST_OF_TAKE_UNSPENT top16, largest, otherwise
1:      LOWER_MARK %r10, \top16, \otherwise
        jmp     0b
3:      BIN_OF_LARGER_SIZE \largest, \otherwise
        jmp     2b
.endm

// %r10: the size \size rounded up to a multiple of \alignment, less one. Jumps to \otherwise where the latter is no power
// of two, or more than a page. Uses %rax.
.macro  ROUND_UP size, alignment, otherwise
        leaq    -1(\alignment), %rax
        leaq    -1(\size), %r10
        cmpq    $4095, %rax
        ja      \otherwise
        testq   \alignment, %rax
        jne     \otherwise
        orq     %rax, %r10
.endm

// void* calloc(size_t count, size_t size)
        ENTRY   calloc
#if HEAPPROF_JEMALLOC_BINS
        movq    %rdi, %rax
        mulq    %rsi
        jo      hp_calloc
        leaq    -1(%rax), %r10
        TAKE_UNSPENT %rax, %rdx, %dx, hp_calloc
        // All that is usable, as jemalloc does: 16 bytes at once up to 128, twice where they do not come out even.
        pxor    %xmm0, %xmm0
        cmpl    $128, %r8d
        ja      5f
        cmpl    $32, %r8d
        ja      4f
        cmpl    $16, %r8d
        jb      6f
        movups  %xmm0, (%rax)
        movups  %xmm0, -16(%rax,%r8)
        ret
4:      movups  %xmm0, (%rax)
        movups  %xmm0, 16(%rax)
        movups  %xmm0, -32(%rax,%r8)
        movups  %xmm0, -16(%rax,%r8)
        cmpl    $64, %r8d
        ja      7f
        ret
7:      movups  %xmm0, 32(%rax)
        movups  %xmm0, 48(%rax)
        movups  %xmm0, -64(%rax,%r8)
        movups  %xmm0, -48(%rax,%r8)
        ret
6:      movq    $0, (%rax)
        ret
5:      movq    %rax, %rdi
        movq    %r8, %rdx
        xorl    %esi, %esi
        jmp     *memset@GOTPCREL(%rip)
        REST_OF_TAKE_UNSPENT %dx, JE_CACHED_MAX, hp_calloc
#else
        jmp     hp_calloc
#endif
        END     calloc

// void* aligned_alloc(size_t alignment, size_t size)
        ENTRY   aligned_alloc
#if HEAPPROF_JEMALLOC_BINS
        ROUND_UP %rsi, %rdi, hp_aligned_alloc
        TAKE_UNSPENT %rsi, %rax, %ax, hp_aligned_alloc
        ret
        REST_OF_TAKE_UNSPENT %ax, JE_LARGEST_SMALL, hp_aligned_alloc
#else
        jmp     hp_aligned_alloc
#endif
        END     aligned_alloc

// void* memalign(size_t alignment, size_t size): 16 is the least alignment.
        ENTRY   memalign
#if HEAPPROF_JEMALLOC_BINS
        cmpq    $16, %rdi
        jb      hp_memalign
        ROUND_UP %rsi, %rdi, hp_memalign
        TAKE_UNSPENT %rsi, %rax, %ax, hp_memalign
        ret
        REST_OF_TAKE_UNSPENT %ax, JE_LARGEST_SMALL, hp_memalign
#else
        jmp     hp_memalign
#endif
        END     memalign

// int posix_memalign(void** block, size_t alignment, size_t size): 8 is the least alignment.
        ENTRY   posix_memalign
#if HEAPPROF_JEMALLOC_BINS
        cmpq    $8, %rsi
        jb      hp_posix_memalign
        ROUND_UP %rdx, %rsi, hp_posix_memalign
        TAKE_UNSPENT %rdx, %rax, %ax, hp_posix_memalign
        movq    %rax, (%rdi)
        xorl    %eax, %eax
        ret
        REST_OF_TAKE_UNSPENT %ax, JE_LARGEST_SMALL, hp_posix_memalign
#else
        jmp     hp_posix_memalign
#endif
        END     posix_memalign

// void* operator new(size_t size, std::align_val_t alignment)
        OPERATOR _ZnwmSt11align_val_t
        .globl  hp_own_aligned_new
        .hidden hp_own_aligned_new
hp_own_aligned_new:
#if HEAPPROF_JEMALLOC_BINS
        ROUND_UP %rdi, %rsi, hp_aligned_new
        TAKE_UNSPENT %rdi, %rax, %ax, hp_aligned_new
        ret
        REST_OF_TAKE_UNSPENT %ax, JE_LARGEST_SMALL, hp_aligned_new
#else
        jmp     hp_aligned_new
#endif
        END     _ZnwmSt11align_val_t

        .hidden hp_realloc, hp_malloc_usable_size, hp_own_malloc

// %rdx: the class of the block %rdi, which shares a slab; jumps to \otherwise where that is not at hand. %rcx: the
// record. Uses %rax, %r11.
.macro  CLASS_OF_BLOCK otherwise
        RECORD_OF_THREAD %rcx
        movq    %rdi, %rax
        movq    %rdi, %rdx
        shrq    $(JE_LEAF_SHIFT - 4), %rax
        andq    $-(1 << JE_LEAF_SHIFT), %rdx
        andl    $((JE_LEAF_COUNT - 1) << 4), %eax
        cmpq    %rdx, JE_LEAVES(%rcx,%rax)
        jne     \otherwise
        movq    JE_LEAVES+8(%rcx,%rax), %r11
        PAGE_WORD %r11, %rdx, %edx
        testb   $1, %dl
        je      \otherwise
        shrq    $JE_CLASS_SHIFT, %rdx
.endm

// Jumps to \otherwise if the filter counts samples where the block %rdi lies. Uses %r9, %r11.
.macro  ASK_FILTER otherwise
        movl    %edi, %r11d
        testl   $4095, %edi
        je      6f
        leaq    hp_samples_of_unit(%rip), %r9
        shrl    $8, %r11d
        andl    $(1 << 20) - 1, %r11d
        jmp     7f
6:      leaq    hp_samples_of_page(%rip), %r9
        shrl    $12, %r11d
        movzwl  %r11w, %r11d
7:      cmpb    $0, (%r9,%r11)
        jne     \otherwise
.endm

// void* realloc(void* block, size_t size)
        ENTRY   realloc
#if HEAPPROF_JEMALLOC_BINS
        testl   %edi, hp_slow_free_mask(%rip)
        je      9f
        CLASS_OF_BLOCK hp_realloc
        leaq    -1(%rsi), %r10
        BIN_OF_SIZE 3f
2:      leaq    hp_freed_sizes(%rip), %rax
        movq    (%rax,%rdx,8), %rax
        btrq    $LG_MAY_HOLD, %rax
        jc      5f
10:     ENOUGH_LEFT %rsi, hp_realloc
        movq    %r8, %r11
        addq    JE_ALLOCATED(%rcx), %r11
        cmpq    JE_ALLOCATED_LIMIT(%rcx), %r11
        jae     hp_realloc
        cmpq    %rax, %r8
        jne     4f
        // Of the same class: it stays, and counts as freed and allocated, as jemalloc counts it.
        addq    JE_DEALLOCATED(%rcx), %rax
        cmpq    JE_DEALLOCATED_LIMIT(%rcx), %rax
        jae     hp_realloc
        subq    %rsi, %fs:(%r9)
        movq    %r11, JE_ALLOCATED(%rcx)
        movq    %rax, JE_DEALLOCATED(%rcx)
        movq    %rdi, %rax
        ret
        // A block out of the other class' bin. %rax: usable bytes now, %rdx: class; %r8: usable bytes then, %r10: bin.
4:      leal    (%rdx,%rdx,2), %edx
        addq    %rcx, %r10
        leaq    JE_BINS(%rcx,%rdx,8), %rdx
        movq    JE_BIN_TOP(%r10), %r11
        cmpw    %r11w, JE_BIN_LOW_WATER(%r10)
        je      1f
0:      subq    %rsi, %fs:(%r9)
        movq    (%r11), %rsi
        addq    $8, %r11
        incq    JE_BIN_REQUESTS(%r10)
        movq    %r11, JE_BIN_TOP(%r10)
        addq    %r8, JE_ALLOCATED(%rcx)
        // Copied first: a signal handler that allocates must not be given what is still to be copied.
        cmpq    %rax, %r8
        cmovaq  %rax, %r8
        cmpl    $64, %r8d
        ja      6f
        cmpl    $16, %r8d
        jb      7f
        cmpl    $32, %r8d
        movups  (%rdi), %xmm0
        movups  -16(%rdi,%r8), %xmm1
        ja      8f
        movups  %xmm0, (%rsi)
        movups  %xmm1, -16(%rsi,%r8)
        // The block %rdi goes into its bin %rdx, or else to jemalloc. %rax: its usable bytes; %rsi: what is returned.
11:     addq    JE_DEALLOCATED(%rcx), %rax
        cmpq    JE_DEALLOCATED_LIMIT(%rcx), %rax
        jae     12f
        movq    JE_BIN_TOP(%rdx), %r11
        cmpw    %r11w, JE_BIN_FULL(%rdx)
        je      12f
        movq    %rdi, -8(%r11)
        subq    $8, %r11
        movq    %rax, JE_DEALLOCATED(%rcx)
        movq    %r11, JE_BIN_TOP(%rdx)
        movq    %rsi, %rax
        ret
8:      movups  16(%rdi), %xmm2
        movups  -32(%rdi,%r8), %xmm3
        movups  %xmm0, (%rsi)
        movups  %xmm1, -16(%rsi,%r8)
        movups  %xmm2, 16(%rsi)
        movups  %xmm3, -32(%rsi,%r8)
        jmp     11b
7:      movq    (%rdi), %r9
        movq    %r9, (%rsi)
        jmp     11b
6:      pushq   %rax
        .cfi_adjust_cfa_offset 8
        pushq   %rdx
        .cfi_adjust_cfa_offset 8
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        xchgq   %rdi, %rsi
        movq    %r8, %rdx
        call    *memcpy@GOTPCREL(%rip)
        movq    %rax, %rsi
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        popq    %rdx
        .cfi_adjust_cfa_offset -8
        popq    %rax
        .cfi_adjust_cfa_offset -8
        RECORD_OF_THREAD %rcx
        jmp     11b
12:     pushq   %rsi
        .cfi_adjust_cfa_offset 8
        call    hpje_free
        popq    %rax
        .cfi_adjust_cfa_offset -8
        ret
1:      LOWER_MARK %r10, %r11w, hp_realloc
        jmp     0b
3:      BIN_OF_LARGER_SIZE JE_CACHED_MAX, hp_realloc
        jmp     2b
5:      ASK_FILTER hp_realloc
        jmp     10b
9:      testq   %rdi, %rdi
        jne     hp_realloc
        movq    %rsi, %rdi
        jmp     hp_own_malloc
#else
        jmp     hp_realloc
#endif
        END     realloc

// size_t malloc_usable_size(void* block)
        ENTRY   malloc_usable_size
#if HEAPPROF_JEMALLOC_BINS
        testl   %edi, hp_slow_free_mask(%rip)
        je      hp_malloc_usable_size
        CLASS_OF_BLOCK hp_malloc_usable_size
        leaq    hp_freed_sizes(%rip), %rax
        movq    (%rax,%rdx,8), %rax
        btrq    $LG_MAY_HOLD, %rax
        jc      5f
        ret
5:      ASK_FILTER hp_malloc_usable_size
        ret
#else
        jmp     hp_malloc_usable_size
#endif
        END     malloc_usable_size

        .section .note.GNU-stack, "", @progbits
