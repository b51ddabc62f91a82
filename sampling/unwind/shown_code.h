// SPDX-License-Identifier: Apache-2.0
// Code whose PCs a walk does not write as they are: the library's own, whose frames no stack shows, and that
// of modules that were unloaded and loaded again, which is written as what recorded stacks call it since
// then.
//
// Rules of such PCs are marked (rule.h); only for those is anything asked here. Thread-safety: yes.
// Signal-safety: yes. Allocates: never; what finds no room is written as it is. Locks: none.
#ifndef HEAPPROF_SAMPLING_UNWIND_SHOWN_CODE_H_
#define HEAPPROF_SAMPLING_UNWIND_SHOWN_CODE_H_

#include <stdint.h>

#include "sampling/unwind/cfi/cfi.h"

namespace heapprof::unwind {

// Where the library's own code lies; before the first walk.
void SetOwnCode(uintptr_t lo, uintptr_t hi);
bool IsOwnCode(uintptr_t pc);

// Code in [lo, hi) is written as if it lay at `to`.
void AddAlias(uintptr_t lo, uintptr_t hi, uintptr_t to);
// Those of code in [lo, hi) are none any more.
void ForgetAliases(uintptr_t lo, uintptr_t hi);
// What is added to `pc` as it is written; 0: nothing.
uintptr_t AliasDistance(uintptr_t pc);
// Whether anything of the above is so of `pc`.
bool IsShownOtherwise(uintptr_t pc);

// Who is told of a module when a walk first meets it; may add aliases for it. False: not now; it is told
// again.
using ModuleWatcher = bool (*)(const UnwindTables& module);
void SetModuleWatcher(ModuleWatcher watcher);
bool TellModuleWatcher(const UnwindTables& module);

}  // namespace heapprof::unwind

#endif  // HEAPPROF_SAMPLING_UNWIND_SHOWN_CODE_H_
