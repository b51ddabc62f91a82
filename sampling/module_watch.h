// SPDX-License-Identifier: Apache-2.0
// Notices which modules dlclose unmaps, and retires those that recorded stacks refer to (retired_modules.h).
//
// Thread-safety: yes. Signal-safety: no, ordinary context around dlclose. Allocates: mmap only. Lock:
// kModules.
#ifndef HEAPPROF_SAMPLING_MODULE_WATCH_H_
#define HEAPPROF_SAMPLING_MODULE_WATCH_H_

#include <stdint.h>

namespace heapprof {

// Before and after libc's dlclose. BeforeUnload remembers what is mapped, if that changed since it last did;
// AfterUnload retires what has gone, if anything has: in the heap's stacks, those of named profiles, and
// those of a CPU profile that runs. Nothing is done as long as no stack is recorded, but for the walk's
// rules, which are forgotten.
void BeforeUnload();
void AfterUnload();

// At the start, and where a program may have loaded modules since: when it makes a thread. Does something
// only where the walk needs to be told (a glibc before 2.35).
void ReadModules();

// Unwind tables that the program registers for its own code, and takes back (unwind/cfi/registered_frames.h).
// The key tells those of one registration.
void RegisterFrames(uintptr_t key, uintptr_t begin, uintptr_t text_base, uintptr_t data_base);
void DeregisterFrames(uintptr_t key);

bool LockModulesForFork();
void UnlockModulesAfterFork(bool in_child);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MODULE_WATCH_H_
