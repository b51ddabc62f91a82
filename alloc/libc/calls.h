// SPDX-License-Identifier: Apache-2.0
// The functions of libc that are not in every libc from glibc 2.28 on, by what the process has.
//
// The shared library finds them by name (calls_found.cc), and has something in place of those that are
// nowhere. In the archive they are ordinary references (calls_linked.cc), and nothing is left to do.
//
// Thread-safety: FindCalls is for the start; FindLateCalls, yes. Signal-safety: no. Allocates: never.
#pragma once

namespace heapprof {

// Before anything else calls libc.
void FindCalls();

// The program's arguments as the loader has left them; nullptr: they are where the stack began. A loader that
// was started as a program, with ours as an argument, has taken its own away; before glibc 2.36 it says so
// nowhere else until the program begins.
char** LoaderArguments();

// Again what was nowhere: a module that the program has loaded since may have brought libpthread or libdl.
// Keys of threads' data are made then. Takes the loader's lock.
void FindLateCalls();

// Whether libc has made no thread but this one, and nobody else has told of one.
bool IsAloneInLibc();

// False: libpthread is a library of its own, and the process has not got it. Nobody waits then.
bool LibcHasThreads();

// After modules have gone, and in the child of a fork: what is known of them, where libc does not know it.
void ForgetUnloadedModules();
void ForgetModuleReaders();

}  // namespace heapprof
