// SPDX-License-Identifier: Apache-2.0
// Stops threads as a debugger does: a process that shares this one's memory traces them.
//
// Nothing runs in the stopped threads, whatever signals they block, and system calls that the stop interrupts
// go on afterwards, but for a few that the kernel itself ends with EINTR and that have a time limit.
// Where a thread may not be traced (a debugger has it already, a sandbox, Yama, a process that is not
// dumpable) its record says so.
//
// The tracer ends with the thread that started it. It inherits blocked signals and calls nothing of libc.
// Thread-safety: one user at a time. Signal-safety: no. Allocates: mmap only.
#ifndef HEAPPROF_SAMPLING_STOP_STOP_BY_TRACE_H_
#define HEAPPROF_SAMPLING_STOP_STOP_BY_TRACE_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "sampling/stop/thread_table.h"
#include "sampling/stop/tracer_process.h"

namespace heapprof {

class Tracer {
 public:
  Tracer() = default;
  ~Tracer() { Release(); }
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Stops all threads but the caller's and enters them into `table`; gives up when none has stopped for
  // `patience` nanoseconds. 0: each is there, in one state or another. -ENOSPC: `table` is full. Another
  // -errno: no tracer, and no thread is stopped. The caller has all signals blocked.
  int Stop(ThreadTable* table, TaskFolder* folder, int64_t patience);
  // Lets the threads go on. Does nothing if there is no tracer.
  void Release();
  // Whether it still holds them.
  bool alive() const { return process_.alive(); }

 private:
  static void Run(void* self);
  void StopAll();
  bool LookForNew();
  size_t Collect();
  void Seize(ThreadRecord* record, int tid);
  void TakeRegisters(ThreadRecord* record, int tid);
  void Detach(ThreadRecord* record);
  void Pause(int64_t nanos);

  enum Phase : uint32_t { kStopping, kStopped, kReleasing };
  TracerProcess process_;
  std::atomic<uint32_t> phase_{kStopping};
  ThreadTable* table_ = nullptr;
  TaskFolder* folder_ = nullptr;
  int caller_ = 0;
  int64_t patience_ = 0;
  bool full_ = false, any_new_ = false;
  char* vectors_ = nullptr;  // one place of vector_size_ bytes for each thread
  size_t vectors_size_ = 0, vector_size_ = 0, vectors_used_ = 0;
};

// In the tracer: the signal that a thread was about to take when it stopped, by wait4's status; 0: none.
int SignalOfStop(int status);
// Lets a thread go that has stopped, with the signal that it was about to take. A call without a time limit
// that the stop has ended begins anew. False: it is being killed, and its end will have to be asked for.
bool LetGo(int tid, int signal, TracedRegisters* registers, const TaskFolder& folder);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_STOP_BY_TRACE_H_
