// SPDX-License-Identifier: Apache-2.0
// libc's descriptor of a thread, which lies beside its thread pointer, at the upper end of its stack.
//
// libc describes it to debuggers; without that the layout of glibc 2.36 is taken. Thread-safety: yes.
// Signal-safety: all but InitThreadDescriptors. Allocates: never.
#ifndef HEAPPROF_SAMPLING_STOP_THREAD_DESCRIPTOR_H_
#define HEAPPROF_SAMPLING_STOP_THREAD_DESCRIPTOR_H_

#include <stddef.h>
#include <stdint.h>

#include "base/system/own_mappings.h"

namespace heapprof {

// Looks up what libc tells. Called once, at start, by the first thread.
void InitThreadDescriptors();

// Of the first thread, which nobody noted as it began.
uintptr_t FirstControlBlock();

// The bytes of thread-local storage that the program and its libraries had at start; 0: not known.
size_t StaticTlsSize();
// The descriptor, and with it the thread-local storage. Where the latter's size is not known it is left out.
AddressRange DescriptorOf(uintptr_t control_block);
AddressRange ThreadMemoryOf(uintptr_t control_block);
// Where the address of the thread's table of modules' storage lies.
uintptr_t StorageTableOf(uintptr_t control_block);

// Whether there is a descriptor at `control_block`: on x86-64 it names itself twice, on aarch64 it has a
// table. Read by a call that fails instead of faulting.
bool IsControlBlock(uintptr_t control_block);
// What code compiled for a thread, and libc's locks, find at a thread pointer: for a thread that libc does
// not know. Of the zeroed memory around `at` ThreadMemoryOf() and 32 bytes behind that are used. The second
// by that thread itself.
void MakeControlBlock(void* at);
void NoteOwnThreadId(int tid);
// The thread's id as libc notes it: 0 once it has ended, -1 once it was joined or cannot be read.
int ThreadIdAt(uintptr_t control_block);

// The kernel knows a list for each thread, which libc keeps in the descriptor: how far it lies from the
// control block in the calling thread, and so in all. 0: not known.
intptr_t RobustListDistance();
// The control block of a thread by its list; 0: not known. Reads no memory of the thread's.
uintptr_t ControlBlockByList(int tid, intptr_t distance);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_THREAD_DESCRIPTOR_H_
