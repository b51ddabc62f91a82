// SPDX-License-Identifier: Apache-2.0
// The option children=no: programs that this one starts run without the library.
//
// They get it through the environment, by LD_PRELOAD, and so what names it is taken out of the program's
// environment at the start. A process that replaces itself by exec stays the one that was to be profiled: it
// gets both variables back. Forked copies are the program itself, until they call exec.
#ifndef HEAPPROF_ALLOC_WRAPPERS_CHILDREN_H_
#define HEAPPROF_ALLOC_WRAPPERS_CHILDREN_H_

#include <stddef.h>

namespace heapprof {

// Gives the program an environment without the library. At start, before it has threads; constructors of
// other libraries may have changed it already. What was there stays as it is: the auxiliary vector behind the
// kernel's is found by its end. Signal-safety: no. Allocates: a mapping, once.
void LeaveChildrenAlone();

// What a forked copy becomes is left alone. (Its pid may be its parent's: both are 1, each in its namespace.)
void ExecsAfterForkInChild();

// What an exec is given instead of its own environment: 0 where that is to stay as it is. Both functions may
// be called in a child of vfork. Signal-safety: yes. Allocates: never.
struct ExecEnvironmentSize {
  size_t pointers = 0;  // with the null pointer at the end
  size_t bytes = 0;
};
ExecEnvironmentSize SizeOfExecEnvironment(char* const* environment);
// `pointers` and `text` have the room that was asked for.
void MakeExecEnvironment(char* const* environment, char** pointers, char* text);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_WRAPPERS_CHILDREN_H_
