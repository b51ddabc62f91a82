// SPDX-License-Identifier: Apache-2.0
// What /proc says of a thread of this process, without disturbing it.
//
// Thread-safety, signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_STOP_THREAD_FACTS_H_
#define HEAPPROF_SAMPLING_STOP_THREAD_FACTS_H_

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "sampling/stop/thread_table.h"

namespace heapprof {

inline constexpr size_t kThreadNameSize = 16;  // with its NUL

struct ThreadFacts {
  char name[kThreadNameSize];
  char letter;  // its state: R, S, D, T, ...; 'X': there is no such thread
};
// False: there is no such thread.
bool ReadThreadFacts(const TaskFolder& folder, int tid, ThreadFacts* facts);

// The system call that a thread waits in. `number` is -1: in none, or it runs, or the kernel does not tell.
struct ThreadCall {
  int number;
  uint64_t argument;  // its first
  uintptr_t pc;       // behind its instruction; 0: not known
};
ThreadCall ReadThreadCall(const TaskFolder& folder, int tid);

// When a thread last ran, by the clock of its processor. Those of two processors differ by as much as
// interrupts and the hypervisor have taken from each since the machine started.
struct LastRan {
  int64_t nanos;  // -1: the kernel does not tell
  uint64_t migrations;
  // How long it did not run between two answers; -1: not known.
  int64_t Until(const LastRan& later) const {
    const bool same = nanos >= 0 && later.nanos >= nanos && migrations == later.migrations;
    return same ? later.nanos - nanos : -1;
  }
};
LastRan ReadLastRan(const TaskFolder& folder, int tid);

// "futex 0x7f3210", "read fd 5", "system call 333".
void AppendCall(const ThreadCall& call, TextWriter* text);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_THREAD_FACTS_H_
