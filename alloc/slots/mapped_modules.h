// SPDX-License-Identifier: Apache-2.0
// The modules of the program without the loader's lock (base/system/loader_lock.h): by what is mapped.
//
// Only what _dl_find_object knows is visited: not what a thread that is not there was loading or unloading.
// Nobody may unload meanwhile.
//
// Thread-safety: one at a time. Signal-safety: yes. Allocates: mmap, once.
#ifndef HEAPPROF_ALLOC_SLOTS_MAPPED_MODULES_H_
#define HEAPPROF_ALLOC_SLOTS_MAPPED_MODULES_H_

#include <link.h>

namespace heapprof {

// As dl_iterate_phdr, but for the names and the counts. 0, or -errno: there is no /proc, or no memory.
int VisitMappedModules(int (*visit)(dl_phdr_info*, size_t, void*), void* argument);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_SLOTS_MAPPED_MODULES_H_
