// SPDX-License-Identifier: Apache-2.0
// How much memory this process has and may have, and how many processors.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_CGROUP_LIMITS_H_
#define HEAPPROF_BASE_CGROUP_LIMITS_H_

#include <stdint.h>

namespace heapprof {

// The least of what the cgroups of this process allow, v1 and v2, from its own up to the highest that can be
// seen, and of physical memory. 0: nothing is known. `root` stands before the paths of the files, for tests.
uint64_t MemoryLimit(const char* root = "");

// How many processors' time the cgroups of this process give it, as a fraction of one or more: the least, as
// above. 0: as many as there are, or nothing is known.
double ProcessorLimit(const char* root = "");

// Resident memory as the kernel counts it (VmRSS); 0 where it cannot be asked. It costs three system calls.
uint64_t ResidentBytes();

}  // namespace heapprof

#endif  // HEAPPROF_BASE_CGROUP_LIMITS_H_
