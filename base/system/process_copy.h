// SPDX-License-Identifier: Apache-2.0
// Copies of the process that no handler of fork has seen: children of a bare clone(), or of _Fork.
//
// Such a child has all of the profiler's state and none of its threads and clocks: a profile that nobody
// stops, locks that nobody gives back. A word in a page that the kernel clears in every child
// (MADV_WIPEONFORK) tells; comparing process ids would not, as both may be 1, each in its namespace. A child
// that shares its parent's memory (vfork) is no copy. Where the kernel has no such pages (before 4.14) there
// are no copies.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: a page, by mmap, once.
#ifndef HEAPPROF_BASE_SYSTEM_PROCESS_COPY_H_
#define HEAPPROF_BASE_SYSTEM_PROCESS_COPY_H_

namespace heapprof {

// Called at start. `adopt` makes the state of a copy that of a process of its own.
void WatchForCopies(void (*adopt)());

// True until this process has been adopted.
bool IsCopy();

// Adopts it if it is a copy. To be called, with none of our locks held, before state is used that a parent's
// thread may have left behind.
void AdoptIfCopy();

// In the child's handler of fork, which has adopted it.
void IsNoCopy();

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_PROCESS_COPY_H_
