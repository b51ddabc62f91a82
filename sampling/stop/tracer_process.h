// SPDX-License-Identifier: Apache-2.0
// The process that traces threads of this one. It shares memory, files and folders, and runs one function.
//
// It ends with the thread that started it. It inherits blocked signals (the caller has all of them blocked),
// has that thread's thread-local storage, and must call nothing of libc. exec of the program is not its end,
// and it keeps the old descriptors open meanwhile: join it before.
//
// Thread-safety: one user at a time. Signal-safety: yes. Allocates: mmap only. Zeroed memory is an object.
#ifndef HEAPPROF_SAMPLING_STOP_TRACER_PROCESS_H_
#define HEAPPROF_SAMPLING_STOP_TRACER_PROCESS_H_

#include <atomic>

namespace heapprof {

class TracerProcess {
 public:
  // Starts run(argument) in it. 0 or -errno.
  int Start(void (*run)(void* argument), void* argument);
  // Names it once more to a kernel that asks who may trace; another may have been named since.
  void NameAsTracer() const;
  // Waits for its end, which the caller has asked it for. Does nothing if there is none.
  void Join();
  // The same, and leaves to Join what changes the memory that all share.
  void AwaitEnd() const;
  // Somebody may have stopped it, as those do who stop all processes of a user or of a container, and have
  // let only the program go on.
  void LetGoOn() const;
  bool started() const { return stack_ != nullptr; }
  bool alive() const { return alive_.load(std::memory_order_acquire) != 0; }
  // In a forked child, where it is another's.
  void Forget();

 private:
  static void Enter(void* self);

  std::atomic<int> alive_{0};  // its id; the kernel clears it at its end
  std::atomic<uint32_t> named_{0};
  int process_ = 0, starter_process_ = 0, starter_ = 0;
  char* stack_ = nullptr;
  void (*run_)(void*) = nullptr;
  void* argument_ = nullptr;
};

// False: after unshare(CLONE_NEWPID) the next process is the first of its namespace, which ends with it.
bool ChildrenShareNamespace();
// Yama's middle setting: a process is traced by its ancestors, and by whom it names. (A name that the program
// gave itself cannot be asked for, and is lost.)
bool TracersAreNamed();

// In the tracer: ptrace(). 0 or -errno.
long Trace(long request, int tid, long address, const void* data);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_STOP_TRACER_PROCESS_H_
