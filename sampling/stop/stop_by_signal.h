// SPDX-License-Identifier: Apache-2.0
// Stops threads by a signal, whose handler notes where the registers are and waits on a futex.
//
// The signal is one that libc keeps for itself (33), as programs cannot block it: many block all others in
// their workers. It carries a code of its own, which libc's handler passes over; what is not ours is handed
// on to the handler that was there. A system call that the signal interrupts and that cannot be restarted
// (poll, nanosleep) returns EINTR. A thread that blocks all signals by a system call of its own is not
// reached.
//
// Thread-safety: one user at a time. Signal-safety: no. Allocates: never.
#ifndef HEAPPROF_SAMPLING_STOP_STOP_BY_SIGNAL_H_
#define HEAPPROF_SAMPLING_STOP_STOP_BY_SIGNAL_H_

#include <stdint.h>

#include "sampling/stop/thread_table.h"

namespace heapprof::stop_signal {

// From here on handlers look into `table`.
void Begin(ThreadTable* table);
// False: the thread has just ended or is in exec, or no signal can be queued.
bool Ask(int tid);
// The calling thread is about to call exec, which keeps signals that are pending: in the new program one of
// ours would be its end. From here on it is not asked. A child of vfork may call this: it is no thread of
// ours.
void BeforeExec();
void AfterFailedExec();
// How many have answered, and a wait until that is no longer `answered` or the time is over (false).
uint32_t Answered();
bool Wait(uint32_t answered, int64_t nanos);
// Lets them go on.
void End();

// In a forked child: a world that another thread of the parent had stopped is none here.
void ForgetAfterFork();

}  // namespace heapprof::stop_signal

#endif  // HEAPPROF_SAMPLING_STOP_STOP_BY_SIGNAL_H_
