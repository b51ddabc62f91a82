// SPDX-License-Identifier: Apache-2.0
// malloc, free, and the operators that most programs live by, for aarch64: as fast_path_x86_64.S, which says why.
//
// What is one instruction with memory there is a load, the operation and a store here. A signal's handler between
// them that allocates, which it must not, loses some bytes of the countdown, and nothing else.
//
// Registers: x0 argument and result, x7 what is compared with the size's bound, x8 jemalloc's record of the thread,
// all others up to x17 scratch.

#include "alloc/backend/jemalloc_leaves.h"
#include "jemalloc_bins_checked.h"

        .text

.macro  BODY name
        .type   \name, %function
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

.macro  ADDRESS_OF reg, symbol
        adrp    \reg, \symbol
        add     \reg, \reg, :lo12:\symbol
.endm

// Subtracts the size x0 from the countdown and goes to label 6 if it ran out. Then compares the size with the bound of
// those that a cache has: signed, as the bound is below 0 once the interval has changed.
.macro  COUNT_DOWN
        mrs     x8, tpidr_el0
        adrp    x9, :gottprel:hp_countdown
        ldr     x9, [x9, :gottprel_lo12:hp_countdown]
        add     x9, x8, x9
        ldp     x10, x7, [x9]
        subs    x10, x10, x0
        str     x10, [x9]
        b.ls    6f
        adrp    x11, hp_interval_stamp
        ldr     x11, [x11, :lo12:hp_interval_stamp]
        subs    x7, x7, x11
#if HEAPPROF_JEMALLOC_BINS
        cmp     x0, x7
        b.ge    3f
#else
        b.mi    6f
#endif
.endm

// x8 is the thread pointer, and becomes the calling thread's record of jemalloc.
.macro  RECORD_OF_THREAD
        adrp    x9, :gottprel:hpje_je_tsd_tls
        ldr     x9, [x9, :gottprel_lo12:hpje_je_tsd_tls]
        add     x8, x8, x9
.endm

// w10: the usable bytes of the size \size, w11: the offset of its bin.
.macro  CACHED_SIZE size
        ADDRESS_OF x9, hp_cached_sizes
        add     w10, \size, #7
        lsr     w10, w10, #3
        ldr     w10, [x9, w10, uxtw #2]
        lsr     w11, w10, #16
        and     w10, w10, #0xffff
.endm

// Returns a block of x0 bytes out of the thread's cache, if there is one and no event is due; else falls through
// with x0 as it was. Goes to label 6 if it was the interval that COUNT_DOWN found out of bounds, not the size.
.macro  TAKE_CACHED
#if HEAPPROF_JEMALLOC_BINS
        RECORD_OF_THREAD
        CACHED_SIZE w0
        ldr     x12, [x8, #JE_ALLOCATED]
        ldr     x13, [x8, #JE_ALLOCATED_LIMIT]
        add     x11, x8, x11
        add     x12, x12, x10
        cmp     x12, x13
        b.hs    2f
        ldr     x9, [x11, #JE_BIN_TOP]
        ldrh    w10, [x11, #JE_BIN_LOW_WATER]
        cmp     w10, w9, uxth
        b.eq    1f
0:      ldr     x0, [x9], #8
        ldr     x13, [x11, #JE_BIN_REQUESTS]
        str     x12, [x8, #JE_ALLOCATED]
        add     x13, x13, #1
        str     x13, [x11, #JE_BIN_REQUESTS]
        str     x9, [x11, #JE_BIN_TOP]
        ret
1:      ldrh    w10, [x11, #JE_BIN_EMPTY]
        cmp     w10, w9, uxth
        b.eq    2f
        add     w10, w9, #8
        strh    w10, [x11, #JE_BIN_LOW_WATER]
        b       0b
3:      tbnz    x7, #63, 6f
2:
#endif
.endm

// Goes on if the address x0 is certainly no sample's, at most by way of ASK_FILTER, which stands behind the body.
.macro  UNLESS_SAMPLE
        adrp    x9, hp_sample_mask
        ldr     w9, [x9, :lo12:hp_sample_mask]
        tst     w0, w9
        b.eq    8f
7:
.endm

// A block that is aligned as samples are. No sample if none lies at such an address (sampling/heap/sample_filter.h);
// with the least mask the filter is out of use.
.macro  ASK_FILTER
8:      cmp     w9, #15
        b.ls    .Lfree_slow\@
        tst     w0, #4095
        b.eq    9f
        ADDRESS_OF x9, hp_samples_of_unit
        ubfx    x10, x0, #8, #20
        ldrb    w9, [x9, x10]
        cbz     w9, 7b
        b       hp_free_slow
9:      ADDRESS_OF x9, hp_samples_of_page
        ubfx    x10, x0, #12, #16
        ldrb    w9, [x9, x10]
        cbz     w9, 7b
.Lfree_slow\@:
        b       hp_free_slow
.endm

// Returns after it has put the block x0, of a size class of x10 bytes, into the thread's cache; goes to label 5 when it
// is full or an event is due. x8: the record; x11: the bin.
.macro  PUSH_CACHED
        ldr     x12, [x8, #JE_DEALLOCATED]
        ldr     x13, [x8, #JE_DEALLOCATED_LIMIT]
        add     x12, x12, x10
        cmp     x12, x13
        b.hs    5f
        ldr     x9, [x11, #JE_BIN_TOP]
        ldrh    w10, [x11, #JE_BIN_FULL]
        cmp     w10, w9, uxth
        b.eq    5f
        str     x0, [x9, #-8]!
        str     x12, [x8, #JE_DEALLOCATED]
        str     x9, [x11, #JE_BIN_TOP]
        ret
.endm

// Puts the block x0 into the thread's cache and returns, or jumps to \otherwise.
.macro  KEEP_CACHED otherwise
#if HEAPPROF_JEMALLOC_BINS
        mrs     x8, tpidr_el0
        RECORD_OF_THREAD
        ubfx    x9, x0, #JE_LEAF_SHIFT, #4
        add     x9, x8, x9, lsl #4
        and     x10, x0, #-(1 << JE_LEAF_SHIFT)
        ldr     x11, [x9, #JE_LEAVES]
        cmp     x11, x10
        b.ne    5f
        ldr     x11, [x9, #JE_LEAVES+8]
        ubfx    x9, x0, #JE_PAGE_SHIFT, #(JE_LEAF_SHIFT - JE_PAGE_SHIFT)
        ldr     x9, [x11, x9, lsl #3]
        tbz     x9, #0, 5f
        lsr     x9, x9, #JE_CLASS_SHIFT
        ADDRESS_OF x12, hpje_je_sz_index2size_tab
        ldr     x10, [x12, x9, lsl #3]
        add     x9, x9, x9, lsl #1
        add     x11, x8, x9, lsl #3
        add     x11, x11, #JE_BINS
        PUSH_CACHED
5:
#endif
        b       \otherwise
.endm

// The same for a block whose size the program has told in x1.
.macro  KEEP_CACHED_OF_SIZE otherwise
#if HEAPPROF_JEMALLOC_BINS
        cmp     x1, #JE_LOOKUP_MAX
        b.hi    5f
        mrs     x8, tpidr_el0
        RECORD_OF_THREAD
        CACHED_SIZE w1
        add     x11, x8, x11
        PUSH_CACHED
5:
#endif
        b       \otherwise
.endm

// A jump to what the program may have replaced.
.macro  JUMP_TO name
        adrp    x16, :got:\name
        ldr     x16, [x16, :got_lo12:\name]
        br      x16
.endm

        .hidden hp_malloc_slow, hp_free_slow, hp_new_slow, hp_new_failed, hp_delete_replaced
        .hidden hpje_malloc, hpje_free, hpje_je_je_sdallocx_noflags
        .hidden hpje_je_tsd_tls, hpje_je_sz_index2size_tab
        .hidden hp_sample_mask, hp_samples_of_page, hp_samples_of_unit
        .hidden hp_interval_stamp, hp_cached_sizes
        .type   hpje_je_tsd_tls, %tls_object

// void* malloc(size_t size)
        ENTRY   malloc
        COUNT_DOWN
        TAKE_CACHED
        b       hpje_malloc
6:      b       hp_malloc_slow
        END     malloc

// void free(void* block)
        ENTRY   free
        UNLESS_SAMPLE
        KEEP_CACHED hpje_free
        ASK_FILTER
        END     free

// void* operator new(size_t size)
        OPERATOR _Znwm
        .globl  hp_own_new
        .hidden hp_own_new
hp_own_new:
        COUNT_DOWN
        TAKE_CACHED
        stp     x29, x30, [sp, #-32]!
        .cfi_def_cfa_offset 32
        .cfi_offset 29, -32
        .cfi_offset 30, -24
        mov     x29, sp
        str     x0, [sp, #16]
        bl      hpje_malloc
        ldr     x1, [sp, #16]
        ldp     x29, x30, [sp], #32
        .cfi_def_cfa_offset 0
        .cfi_restore 29
        .cfi_restore 30
        cbz     x0, 4f
        ret
4:      mov     x0, x1
        b       hp_new_failed
6:      b       hp_new_slow
        END     _Znwm

// void* operator new[](size_t size): the standard has it call operator new, which a program may replace.
        OPERATOR _Znam
        .globl  hp_own_array_new
        .hidden hp_own_array_new
hp_own_array_new:
        JUMP_TO _Znwm
        END     _Znam

// void operator delete(void* block)
        OPERATOR _ZdlPv
        .globl  hp_own_delete
        .hidden hp_own_delete
hp_own_delete:
        UNLESS_SAMPLE
        KEEP_CACHED hpje_free
        ASK_FILTER
        END     _ZdlPv

// void operator delete[](void* block)
        OPERATOR _ZdaPv
        .globl  hp_own_array_delete
        .hidden hp_own_array_delete
hp_own_array_delete:
        JUMP_TO _ZdlPv
        END     _ZdaPv

.macro  SIZED_DELETE unsized
        adrp    x9, hp_delete_replaced
        ldrb    w9, [x9, :lo12:hp_delete_replaced]
        cbnz    w9, 1f
        UNLESS_SAMPLE
        KEEP_CACHED_OF_SIZE hpje_je_je_sdallocx_noflags
        ASK_FILTER
1:      JUMP_TO \unsized
.endm

// void operator delete(void* block, size_t size): jemalloc's sized free, when the block can be no sample, whose
// size class another alignment has made larger, and the program has not replaced the unsized form.
        OPERATOR _ZdlPvm
        SIZED_DELETE _ZdlPv
        END     _ZdlPvm

// void operator delete[](void* block, size_t size)
        OPERATOR _ZdaPvm
        SIZED_DELETE _ZdaPv
        END     _ZdaPvm

// What more_calls_x86_64.S serves in line: jumps to the functions in C++ of the same meaning.
.macro  JUMP visibility, name, to
        \visibility \name
        .hidden \to
        .type   \name, %function
        .p2align 3
\name:
        .cfi_startproc
        b       \to
        .cfi_endproc
        .size   \name, . - \name
.endm

        JUMP .globl, calloc, hp_calloc
        JUMP .globl, aligned_alloc, hp_aligned_alloc
        JUMP .globl, memalign, hp_memalign
        JUMP .globl, posix_memalign, hp_posix_memalign
        JUMP .globl, hp_own_aligned_new, hp_aligned_new
        .hidden hp_own_aligned_new
        .weak   _ZnwmSt11align_val_t
        .type   _ZnwmSt11align_val_t, %function
        .set    _ZnwmSt11align_val_t, hp_own_aligned_new
        JUMP .weak, _ZnwmRKSt9nothrow_t, hp_nothrow_new
        JUMP .weak, _ZnamRKSt9nothrow_t, hp_nothrow_array_new
        JUMP .globl, realloc, hp_realloc
        JUMP .globl, malloc_usable_size, hp_malloc_usable_size

        .section .note.GNU-stack, "", %progbits
