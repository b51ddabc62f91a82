// SPDX-License-Identifier: Apache-2.0
// The archive: whoever links it has the libc that it was built for, or a later one.
#include "alloc/libc/calls.h"

#include "base/lock/spinlock.h"

namespace heapprof {

void FindCalls() {}
char** LoaderArguments() { return nullptr; }
void FindLateCalls() {}
bool IsAloneInLibc() { return IsOnlyThread(); }
bool LibcHasThreads() { return true; }
void ForgetUnloadedModules() {}
void ForgetModuleReaders() {}

}  // namespace heapprof
