// SPDX-License-Identifier: Apache-2.0
// The private jemalloc's names. alloc/backend/private_jemalloc.cmake renames every global symbol of
// jemalloc 5.3.0 to hpje_<name>; only alloc/ calls them, directly and through no PLT.
//
// Thread-safety: yes, but for the two configuration strings, which are set before the first call.
// Signal-safety: no. errno: hpje_malloc, hpje_calloc and hpje_realloc set ENOMEM; hpje_mallocx sets nothing.
// Invariants: (1) a block leaves the live table (recorder::RecordFree) before it is given back here; (2) what
// is not jemalloc's (alloc/backend/early_heap.h) never gets here.
#ifndef HEAPPROF_ALLOC_BACKEND_BACKEND_H_
#define HEAPPROF_ALLOC_BACKEND_BACKEND_H_

#include <stddef.h>

#include "alloc/backend/jemalloc_bins.h"

#pragma GCC visibility push(hidden)
extern "C" {

void* hpje_malloc(size_t size);
void* hpje_calloc(size_t count, size_t size);
void* hpje_realloc(void* block, size_t size);
void hpje_free(void* block);

void* hpje_mallocx(size_t size, int flags);
void* hpje_rallocx(void* block, size_t size, int flags);
size_t hpje_xallocx(void* block, size_t size, size_t extra, int flags);
size_t hpje_sallocx(const void* block, int flags);
void hpje_dallocx(void* block, int flags);
void hpje_sdallocx(void* block, size_t size, int flags);
size_t hpje_nallocx(size_t size, int flags);

int hpje_mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size);
int hpje_mallctlnametomib(const char* name, size_t* mib, size_t* mib_length);
int hpje_mallctlbymib(const size_t* mib, size_t mib_length, void* old, size_t* old_size, void* fresh,
                      size_t fresh_size);
void hpje_malloc_stats_print(void (*write)(void*, const char*), void* arg, const char* options);

// Read once, by jemalloc's first call: the program's settings, and settings that stand over all others.
extern const char* hpje_malloc_conf;
extern const char* hpje_malloc_conf_2_conf_harder;

// Where its messages and statistics go; not set, to stderr.
extern void (*hpje_malloc_message)(void* argument, const char* text);
// Prints as printf does by way of the above, and ends the program.
void hpje_je_safety_check_fail(const char* format, ...);

// Settings of jemalloc that the allocator's own functions must act upon.
extern bool hpje_je_opt_experimental_infallible_new;
extern unsigned hpje_je_opt_zero_realloc_action;
extern size_t hpje_je_zero_realloc_count;
// Whether arenas belong to processors, and what the controls (mallctl) see of that.
extern int hpje_je_opt_percpu_arena;
extern int hpje_shown_percpu_arena;

// What jemalloc keeps of each thread. The size is that of Debian's build (checked by tests/leak).
extern __thread char hpje_je_tsd_tls __attribute__((tls_model("initial-exec")));
// What it does at a thread's end with that record, which it is given. The thread may allocate after it.
void hpje_je_tsd_cleanup(void* record);
// Sets up an unused record. `minimal`: without a cache and in no list of threads, as for a thread that only
// frees.
void* hpje_je_tsd_fetch_slow(void* record, bool minimal);

}  // extern "C"
#pragma GCC visibility pop

namespace heapprof {

inline constexpr size_t kBackendThreadBytes = JE_RECORD_BYTES;

// The flags of hpje_mallocx, as jemalloc defines them.
inline constexpr int kZeroFlag = 0x40;
inline constexpr int kNoCacheFlag = 0x100;

// Values of hpje_je_opt_zero_realloc_action.
inline constexpr unsigned kZeroReallocAllocates = 0, kZeroReallocAborts = 2;
inline constexpr int kLgAlignMask = 0x3f;

inline int AlignFlag(size_t alignment) { return __builtin_ctzl(alignment); }

// The blocks jemalloc gives to small requests are aligned to this; more must be asked for.
inline constexpr size_t kNaturalAlignment = 8;
// ... but every block of at least so many bytes is aligned to this (jemalloc's quantum).
inline constexpr size_t kQuantum = 16;

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_BACKEND_BACKEND_H_
