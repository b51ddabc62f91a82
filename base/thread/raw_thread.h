// A thread of the profiler's own, which libc does not know.
//
// Made by clone() directly, so that it can be started from a signal handler and in a forked child, allocates
// nothing in the program's heap, and leaves a program that libc takes for single-threaded as it is. What runs
// there calls nothing of libc but pure functions: the thread has no descriptor of libc's, and its TLS is a
// block of zeros. All signals are blocked there.
// Thread-safety: an object is started and joined by one thread at a time. Signal-safety: yes. Allocates:
// mmap.
#ifndef HEAPPROF_BASE_THREAD_RAW_THREAD_H_
#define HEAPPROF_BASE_THREAD_RAW_THREAD_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

namespace heapprof {

class RawThread {
 public:
  using Function = void (*)(void* argument);

  // 0 or -errno. The caller has all signals blocked (SignalsBlocked); the thread inherits that.
  int Start(Function function, void* argument);
  // Waits until the thread has ended, and gives its memory back.
  void Join();
  // In a forked child, where the thread is not.
  void ForgetAfterFork();

  // True for the ids of such threads: they hold nothing of the program's, and no signal reaches them.
  static bool IsOwn(int tid);

  // 0: none runs.
  int tid() const { return tid_.load(std::memory_order_acquire); }

 private:
  void Unmap();

  std::atomic<int> tid_{0};  // the kernel clears it at the thread's end, and wakes who waits for that
  char* memory_ = nullptr;
  size_t size_ = 0;
};

// clone() of a thread that runs function(argument) on the stack that ends at `stack_top` (16-byte aligned)
// and then ends, with `tls` in the thread register. `tid` is set at its start and cleared at its end. Returns
// its id or -errno. Per architecture: raw_thread_<arch>.cc.
int CloneThread(void* stack_top, void* tls, std::atomic<int>* tid, RawThread::Function function,
                void* argument);
// The calling thread's; static TLS lies below it.
uintptr_t ThreadPointer();

}  // namespace heapprof

#endif  // HEAPPROF_BASE_THREAD_RAW_THREAD_H_
