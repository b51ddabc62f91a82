// SPDX-License-Identifier: Apache-2.0
// What a thread waits for, as far as that is cheap to know: the system call that it is in.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_WALL_WAIT_KIND_H_
#define HEAPPROF_SAMPLING_WALL_WAIT_KIND_H_

#include <stdint.h>

namespace heapprof::wall {

enum class WaitKind : uint8_t {
  kRunning,    // it does not wait
  kProcessor,  // for its turn: it could run
  kMemory,     // in no system call: a page
  kStopped,    // by SIGSTOP or a debugger
  kLock,       // futex: a mutex, a condition variable, a join
  kSleep,
  kPoll,  // select, poll and epoll
  kRead,
  kWrite,
  kReceive,
  kSend,
  kAccept,
  kConnect,
  kChild,
  kSignal,
  kFile,  // an open, a lock, a flush
  kQueue,
  kRing,   // io_uring and the older aio
  kOther,  // another call
};
inline constexpr uint8_t kWaitKinds = static_cast<uint8_t>(WaitKind::kOther) + 1;

// As the label says it; nullptr for kRunning.
const char* NameOf(WaitKind kind);

// That of a thread which waits in system call `number`, -1: in none.
WaitKind KindOfCall(long number);

}  // namespace heapprof::wall

#endif  // HEAPPROF_SAMPLING_WALL_WAIT_KIND_H_
