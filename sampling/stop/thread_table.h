// SPDX-License-Identifier: Apache-2.0
// The threads of a world that is being stopped: who they are, how far each is, where its registers are.
//
// One thread at a time adds; readers (the stop signal's handlers) look up without a lock what was added
// before. Signal-safety: yes. Allocates: mmap only.
// Invariant: at most half of the places are taken, so that a search ends.
#ifndef HEAPPROF_SAMPLING_STOP_THREAD_TABLE_H_
#define HEAPPROF_SAMPLING_STOP_THREAD_TABLE_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "sampling/stop/stop_signal.h"
#include "sampling/stop/traced_thread.h"

namespace heapprof {

enum class StopState : uint32_t {
  kNew,      // nobody has asked it yet
  kTraced,   // asked by the tracer
  kRefused,  // may not be traced
  kAsked,    // by the signal
  kStopped,
  kGone,    // has ended, or no signal could be queued: asked again if it is seen again
  kKernels  // a worker of the kernel's, which holds nothing of the program's
};

struct ThreadRecord {
  std::atomic<int> tid;  // 0: free
  std::atomic<StopState> state;
  InterruptedCode code;
  // By the tracer.
  TracedRegisters registers;
  void* vectors;
  int signal;  // that it was about to take
  bool traced;
};

class ThreadTable {
 public:
  // In a mapping of its own, with room for `threads`. nullptr: no memory.
  static ThreadTable* Map(size_t threads);
  void Unmap();
  // Empties it. Whoever still looks at it reads zeros.
  void Clear();
  bool HasRoomFor(size_t threads) const { return threads <= capacity_ / 2; }

  ThreadRecord* Find(int tid);
  // nullptr: the table is full.
  ThreadRecord* FindOrAdd(int tid);

  size_t capacity() const { return capacity_; }
  size_t count() const { return count_; }
  ThreadRecord& at(size_t place) { return records_[place]; }

 private:
  ThreadRecord* Search(int tid);
  size_t Bytes() const { return kHead + capacity_ * sizeof(ThreadRecord); }

  static constexpr size_t kHead = 4096;
  size_t capacity_, count_;
  ThreadRecord* records_;  // kHead bytes behind
};

// The folder of this process' threads in /proc. Where that is the /proc of an outer PID namespace, it has
// other numbers for them than the process; these functions take and give those of the process.
class TaskFolder {
 public:
  TaskFolder() = default;
  ~TaskFolder();
  TaskFolder(const TaskFolder&) = delete;
  TaskFolder& operator=(const TaskFolder&) = delete;

  // 0 or -errno.
  int Open();
  // The folder's. The number that a thread has there; 0: there is no such thread.
  int descriptor() const { return folder_; }
  int ListedNumberOf(int tid) const;
  // Calls visit(context, tid) for each thread but the library's own (base/system/own_thread.h); false ends
  // it. False: ended, or the list could not be read.
  bool ForEach(bool (*visit)(void* context, int tid), void* context);

  // What /proc says of a thread. `letter` is 'X' if there is none.
  struct Status {
    char letter;
    bool kernels;  // a worker that the kernel runs for the process (io_uring, vhost)
    bool ended() const { return letter == 'X' || letter == 'Z'; }
  };
  Status StatusOf(int tid) const;
  // A file of a thread's, cut to `size`, with a NUL. False: there is none.
  bool Read(int tid, const char* name, char* to, size_t size) const;
  // Whether a signal waits for a thread that does not block it. True where it cannot be told.
  bool HasSignal(int tid) const;
  // The thread's name, with a NUL. False: there is no such thread.
  bool Name(int tid, char* to, size_t size) const;

 private:
  bool ReadListed(int listed, const char* name, char* to, size_t size) const;
  // From the number that stands in the folder. 0: there is no such thread.
  int NumberOf(int listed) const;

  int folder_ = -1;
  bool outer_ = false;
  char* entries_ = nullptr;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_THREAD_TABLE_H_
