// SPDX-License-Identifier: Apache-2.0
// Profiles that were asked for at the program's end, and what else there is to do, when that is a signal's
// default action.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_FATAL_SIGNALS_H_
#define HEAPPROF_PROFILES_FATAL_SIGNALS_H_

namespace heapprof {

// Installs handlers (base/signal/signal_front.h) for the signals that ask a program to end: each calls
// `write_profiles` and then lets the signal end the process.
void InstallFatalSignals(void (*write_profiles)());

// At exit: calls `write_profiles`, unless a signal has had it called. A signal that comes meanwhile ends the
// process afterwards.
void WriteAtExit(void (*write_profiles)());

// `last` is called, too, before such a signal ends the process or a copy of it, in any number of threads at
// once. For one caller, after InstallFatalSignals if there is to be that.
void CallBeforeFatalSignal(void (*last)());

void FatalSignalsAfterForkInChild();

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_FATAL_SIGNALS_H_
