// SPDX-License-Identifier: Apache-2.0
// What makes a profile be written: a signal, the program's end. profiles/dump writes it.
//
// Thread-safety: called at the start and around fork only. Signal-safety: no. Allocates: never.
#ifndef HEAPPROF_PROFILES_TRIGGERS_H_
#define HEAPPROF_PROFILES_TRIGGERS_H_

#include "base/signal/signal_front.h"

namespace heapprof {

// Installs the signal handler and the exit hooks that the options ask for. Called once by alloc/init, when
// options are parsed and libc can be called.
void InstallTriggers();

// The child's part of fork; `copied`: in a copy of the process (base/system/process_copy.h).
void TriggersAfterForkInChild(bool copied);

// Installs `handler` for a signal that makes a dump, unless the program has one of its own there.
void InstallHandler(int number, FrontHandler handler);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_TRIGGERS_H_
