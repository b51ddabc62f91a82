// SPDX-License-Identifier: Apache-2.0
// Whose calls map memory: mmap, mremap, munmap, shmat, shmdt, brk and sbrk, seen by their import slots
// (alloc/slots/), are told to sampling/memory/mapping_stacks.h while the option mapping_stacks is on.
//
// A wrapper does what its function does, with the same answer and errno; no frame of one is in any stack.
// Calls inside of libc and of the loader, and system calls past libc, are not seen.
// Thread-safety: yes. Signal-safety: no. Allocates: no.
#ifndef HEAPPROF_ALLOC_MAPPINGS_MAPPINGS_H_
#define HEAPPROF_ALLOC_MAPPINGS_MAPPINGS_H_

namespace heapprof {

// At the start, if the option says so. A statically linked program has no import slots.
void FollowMappings();

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_MAPPINGS_MAPPINGS_H_
