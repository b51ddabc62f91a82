// SPDX-License-Identifier: Apache-2.0
// Stops all other threads of the process, keeps their registers, and lets them go on.
//
// By tracing them (stop_by_trace.h), which reaches every thread and disturbs the fewest system calls; those
// that may not be traced by a signal (stop_by_signal.h).
//
// While the world is stopped its caller holds no lock that a stopped thread may hold: no malloc, no stdio, no
// libc. Thread-safety: one world at a time (it holds StopLock, and callers their own). Signal-safety: no.
// Allocates: mmap only.
#ifndef HEAPPROF_SAMPLING_STOP_STOP_WORLD_H_
#define HEAPPROF_SAMPLING_STOP_STOP_WORLD_H_

#include <stddef.h>
#include <stdint.h>

#include "base/system/own_mappings.h"
#include "base/system/raw_syscall.h"
#include "sampling/stop/stop_by_trace.h"
#include "sampling/stop/thread_table.h"

namespace heapprof {

struct StoppedThread {
  int tid;
  bool stopped;             // false: it did not answer in time, and may be running
  uintptr_t stack_pointer;  // as the interrupted code has it
  uintptr_t control_block;  // the thread's ControlBlock()
  AddressRange registers;   // memory that holds them
  AddressRange vectors;     // and the vector registers; may be empty
};

class StoppedWorld {
 public:
  StoppedWorld() = default;
  ~StoppedWorld() { Resume(); }
  StoppedWorld(const StoppedWorld&) = delete;
  StoppedWorld& operator=(const StoppedWorld&) = delete;

  // Gives up when no thread has stopped for `patience` nanoseconds. 0, or -errno: nothing is stopped then.
  // Threads that did not answer are in the list all the same. The caller has all signals blocked.
  int Stop(int64_t patience);
  void Resume();

  // All threads but the caller's.
  size_t count() const { return count_; }
  const StoppedThread& at(size_t index) const { return threads_[index]; }
  // How many did not answer.
  size_t running() const { return running_; }
  // Whether the main thread has ended before the others.
  bool main_ended() const { return folder_.StatusOf(RawGetPid()).letter == 'Z'; }
  // Whether those that had stopped still are.
  bool holds() const { return !traced_ || tracer_.alive(); }

 private:
  void LetGoAll();
  int StopWithRoomFor(size_t threads, int64_t patience);
  bool AskAll();
  int List();

  TaskFolder folder_;
  ThreadTable* table_ = nullptr;
  Tracer tracer_;
  bool locked_ = false, traced_ = false, signalling_ = false, full_ = false;
  size_t asked_ = 0, silent_ = 0;
  int caller_ = 0;
  StoppedThread* threads_ = nullptr;
  size_t capacity_ = 0, count_ = 0, running_ = 0;
};

// In a forked child: a world that another thread of the parent had stopped is none here.
void ForgetStoppedWorldAfterFork();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_STOP_WORLD_H_
