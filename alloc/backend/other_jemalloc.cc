// SPDX-License-Identifier: Apache-2.0
// What jemalloc 5.2.1 (Debian 11) or 5.3.1 (testing) has not, as 5.3.0 has it. Weak: where the private
// jemalloc has its own, that is used. The layout of either is another one, which jemalloc_bins_check notices,
// so that nobody reads the map here.
#include <stddef.h>

#include "alloc/backend/backend.h"

#define HEAPPROF_OTHER __attribute__((weak))

extern "C" {
HEAPPROF_OTHER char hpje_je_arena_emap_global[1] = {0};
HEAPPROF_OTHER bool hpje_je_opt_experimental_infallible_new = false;
// realloc(p, 0) frees there, and nobody can choose.
HEAPPROF_OTHER unsigned hpje_je_opt_zero_realloc_action = 1;
HEAPPROF_OTHER size_t hpje_je_zero_realloc_count = 0;
HEAPPROF_OTHER const char* hpje_malloc_conf_2_conf_harder = nullptr;
// 5.3.1 has another name for it, which other ways lead to, too.
void hpje_sdallocx(void* block, size_t size, int flags);
HEAPPROF_OTHER void hpje_je_je_sdallocx_noflags(void* block, size_t size) { hpje_sdallocx(block, size, 0); }
}
