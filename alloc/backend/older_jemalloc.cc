// SPDX-License-Identifier: Apache-2.0
// What jemalloc 5.2.1 (Debian 11) has not, as 5.3.0 has it. Weak: where the private jemalloc has its own,
// that is used. The layout of 5.2.1 is another one, which jemalloc_bins_check notices, so that nobody reads
// the map here.
#include <stddef.h>

#include "alloc/backend/backend.h"

#define HEAPPROF_OLDER __attribute__((weak))

extern "C" {
HEAPPROF_OLDER char hpje_je_arena_emap_global[1] = {0};
HEAPPROF_OLDER bool hpje_je_opt_experimental_infallible_new = false;
// realloc(p, 0) frees there, and nobody can choose.
HEAPPROF_OLDER unsigned hpje_je_opt_zero_realloc_action = 1;
HEAPPROF_OLDER size_t hpje_je_zero_realloc_count = 0;
HEAPPROF_OLDER const char* hpje_malloc_conf_2_conf_harder = nullptr;
}
