// Stops all other threads of the process, keeps their registers, and lets them go on.
//
// Each thread gets a signal, whose handler notes where the registers are and waits on a futex. The signal is
// one that libc keeps for itself (33), as programs cannot block it: many block all others in their workers.
// It carries a code of its own, which libc's handler passes over; what is not ours is handed on to the
// handler that was there. A system call that the signal interrupts and that cannot be restarted (poll,
// nanosleep) returns EINTR.
//
// While the world is stopped its caller holds no lock that a stopped thread may hold: no malloc, no stdio, no
// libc. Thread-safety: one world at a time (callers hold their lock). Signal-safety: no. Allocates: mmap
// only.
#ifndef HEAPPROF_SAMPLING_STOP_STOP_WORLD_H_
#define HEAPPROF_SAMPLING_STOP_STOP_WORLD_H_

#include <stddef.h>
#include <stdint.h>

#include "base/system/own_mappings.h"

namespace heapprof {

struct StoppedThread {
  int tid;
  bool stopped;             // false: it did not answer in time, and may be running
  uintptr_t stack_pointer;  // as the interrupted code has it
  uintptr_t control_block;  // the thread's pthread_self()
  AddressRange registers;   // memory that holds them: the signal's context
  AddressRange vectors;     // and the vector registers; may be empty
};

class StoppedWorld {
 public:
  StoppedWorld() = default;
  ~StoppedWorld() { Resume(); }
  StoppedWorld(const StoppedWorld&) = delete;
  StoppedWorld& operator=(const StoppedWorld&) = delete;

  // Waits for at most `timeout_nanos`. 0, or -errno: nothing is stopped then. Threads that did not answer are
  // in the list all the same.
  int Stop(int64_t timeout_nanos);
  void Resume();

  // All threads but the caller's.
  size_t count() const { return count_; }
  const StoppedThread& at(size_t index) const { return threads_[index]; }
  // How many did not answer.
  size_t running() const { return running_; }

 private:
  StoppedThread* threads_ = nullptr;
  size_t capacity_ = 0, count_ = 0, running_ = 0;
  bool stopped_ = false;
};

// In a forked child: a world that another thread of the parent had stopped is none here.
void ForgetStoppedWorldAfterFork();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_STOP_WORLD_H_
