// SPDX-License-Identifier: Apache-2.0
// Notices which modules dlclose unmaps, and retires those that recorded stacks refer to (retired_modules.h).
//
// Thread-safety: yes. Signal-safety: no, ordinary context around dlclose. Allocates: mmap only. Lock:
// kModules.
#ifndef HEAPPROF_SAMPLING_MODULE_WATCH_H_
#define HEAPPROF_SAMPLING_MODULE_WATCH_H_

#include <stdint.h>

namespace heapprof {

// Before and after libc's dlclose. BeforeUnload remembers which modules are mapped, if they have changed
// since its last call. AfterUnload retires those that are mapped no more: in the heap's stacks, in those of
// named profiles, and in those of a running CPU profile. As long as no stack is recorded, it only makes walks
// forget their rules.
void BeforeUnload();
void AfterUnload();

// Unwind tables that the program registers for its own code, and takes back (unwind/cfi/registered_frames.h).
// All tables of one registration have the same key.
void RegisterFrames(uintptr_t key, uintptr_t begin, uintptr_t text_base, uintptr_t data_base);
void DeregisterFrames(uintptr_t key);

bool LockModulesForFork();
void UnlockModulesAfterFork(bool in_child);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MODULE_WATCH_H_
