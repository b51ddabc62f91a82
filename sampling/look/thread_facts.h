// SPDX-License-Identifier: Apache-2.0
// What /proc says of a thread of this process, without disturbing it.
//
// Thread-safety, signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_LOOK_THREAD_FACTS_H_
#define HEAPPROF_SAMPLING_LOOK_THREAD_FACTS_H_

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "sampling/stop/thread_table.h"

namespace heapprof {

inline constexpr size_t kThreadNameSize = 16;  // with its NUL

struct ThreadFacts {
  char name[kThreadNameSize];
  char letter;    // its state: R, S, D, T, ...; 'X': there is no such thread
  int processor;  // where it runs, or ran last; -1: not known
};
// False: there is no such thread.
bool ReadThreadFacts(const TaskFolder& folder, int tid, ThreadFacts* facts);

// The system call that a thread waits in. `number` is -1: in none, or it runs, or the kernel does not tell.
struct ThreadCall {
  int number;
  uint64_t argument;  // its first
  uintptr_t pc;       // behind its instruction; 0: not known
};

// When a thread last ran, in ns by the clock of the processor that it ran on; -1: the kernel does not tell.
int64_t ReadLastRan(const TaskFolder& folder, int tid);

// Those clocks of processors. From each is missing what interrupts and the hypervisor have taken from the
// processor since the machine started; only who runs there can tell how much.
class ProcessorClocks {
 public:
  ProcessorClocks();
  ~ProcessorClocks();
  ProcessorClocks(const ProcessorClocks&) = delete;
  ProcessorClocks& operator=(const ProcessorClocks&) = delete;

  static constexpr int64_t kUnknown = INT64_MIN;
  // How far that processor's clock is behind monotonic time, in ns, or kUnknown. The calling thread, which is
  // to be one of ours, goes to that processor; where it likes again when the object ends.
  int64_t Behind(int processor);

 private:
  static constexpr int kMax = 64;
  static constexpr int64_t kPatience = 10'000'000;  // ns, for all of them
  struct Clock {
    int processor;
    int64_t behind;
  } clocks_[kMax];
  int count_ = 0;
  int64_t since_ = 0;
  size_t mask_bytes_ = 0;  // 0: the mask could not be read
  uint64_t mask_[128];     // of the processors that it may run on
};

// "futex 0x7f3210", "read fd 5", "system call 333".
void AppendCall(const ThreadCall& call, TextWriter* text);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_LOOK_THREAD_FACTS_H_
