// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace heapprof {

// jemalloc's settings where neither the machine, the user nor the program says otherwise, followed by those
// that the program itself gives (its `malloc_conf`). `user` and `machine`: what MALLOC_CONF and
// /etc/malloc.conf say, which jemalloc reads itself; each may be null. Decisions 0052 and 0070 say how the
// defaults were chosen. Once, by the thread that starts the library; allocates nothing. The text lives as
// long as the process.
const char* DefaultSettings(const char* program, const char* user, const char* machine);

// Lets jemalloc read them, before anything is allocated.
void StartSettings();

// Before a second thread is made, and any later one. Allocates nothing, takes no lock; the first one reads
// files, unless they were read before.
void SettingsOfThreads();

// Reads these files: before a filter of system calls, which may end who opens one later, as the start of a
// program that never makes a thread should not pay for it. Signal-safe.
void AskForProcessors();

}  // namespace heapprof
