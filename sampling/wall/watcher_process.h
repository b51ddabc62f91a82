// SPDX-License-Identifier: Apache-2.0
// The part of watcher.h that knows the architecture.
//
// Thread-safety, signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_WALL_WATCHER_PROCESS_H_
#define HEAPPROF_SAMPLING_WALL_WATCHER_PROCESS_H_

#include <stdint.h>
#include <ucontext.h>

#include <atomic>

#include "sampling/stop/traced_thread.h"
#include "sampling/wall/watched_threads.h"

namespace heapprof::wall {

// clone() of a process that shares this one's memory and nothing else: it has copies of the descriptors and
// of the handlers, a folder of its own, and thread-local storage at `thread_pointer`. It runs
// function(argument) on the stack that ends at `stack_top` (16-byte aligned), and ends. No debugger is told
// of it, its parent gets no signal when it ends, and a wait that does not ask for such children passes it
// over. `alive` is its id from its start to its end. Returns the id or -errno.
int CloneWatcher(void* stack_top, void* thread_pointer, std::atomic<int>* alive, void (*function)(void*),
                 void* argument);

// What the walk of a thread that waits starts from. `kept` are those registers, if it was stopped there
// before; or nullptr.
void MakeContext(const Place& place, const KeptRegisters* kept, ucontext_t* context);

// Of a stopped thread.
KeptRegisters KeptOf(const TracedRegisters& registers);
uintptr_t ControlBlockOf(const TracedRegisters& registers);
// The call that it is in, with its stack pointer and where it goes on; kRunning: it was stopped in none.
Place PlaceOf(const TracedRegisters& registers);

}  // namespace heapprof::wall

#endif  // HEAPPROF_SAMPLING_WALL_WATCHER_PROCESS_H_
