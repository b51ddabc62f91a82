#include "proto/descriptor_sink.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/raw_syscall.h"

namespace heapprof {
namespace {

// The kernel's signal set: one bit a signal, from bit 0 for signal 1. libc's sigset_t is larger.
using KernelSigset = uint64_t;
constexpr KernelSigset Bit(int signal) { return KernelSigset{1} << (signal - 1); }
constexpr KernelSigset kWriteSignals = Bit(SIGPIPE) | Bit(SIGXFSZ);

long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

// Blocks the signals of a failed write for its lifetime.
class WriteSignalsHeld {
 public:
  WriteSignalsHeld() {
    RawSyscall(SYS_rt_sigprocmask, SIG_BLOCK, Address(&kWriteSignals), Address(&saved_), sizeof(saved_));
    RawSyscall(SYS_rt_sigpending, Address(&pending_before_), sizeof(pending_before_));
  }
  ~WriteSignalsHeld() { RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, Address(&saved_), 0, sizeof(saved_)); }
  WriteSignalsHeld(const WriteSignalsHeld&) = delete;
  WriteSignalsHeld& operator=(const WriteSignalsHeld&) = delete;

  // Takes back the signal of a write that has failed.
  void TakeBack(int signal) {
    if (pending_before_ & Bit(signal)) return;
    KernelSigset set = Bit(signal);
    struct timespec no_wait = {0, 0};
    long result;
    do {
      result = RawSyscall(SYS_rt_sigtimedwait, Address(&set), 0, Address(&no_wait), sizeof(set));
    } while (result == -EINTR);
  }

 private:
  KernelSigset saved_ = 0;
  KernelSigset pending_before_ = 0;
};

void WaitUntilWritable(int fd) {
  struct pollfd entry = {fd, POLLOUT, 0};
  RawSyscall(SYS_ppoll, Address(&entry), 1, 0, 0, 0);
}

}  // namespace

int DescriptorSink::Write(const void* data, size_t size) {
  auto* from = static_cast<const char*>(data);
  if (error_ != 0 || size == 0) return error_;
  WriteSignalsHeld held;
  while (size > 0) {
    ssize_t done = RawWrite(fd_, from, size);
    if (done > 0) {
      from += done;
      size -= static_cast<size_t>(done);
      written_ += static_cast<uint64_t>(done);
      continue;
    }
    if (done == -EINTR) continue;
    if (done == -EAGAIN) {
      WaitUntilWritable(fd_);
      continue;
    }
    if (done == -EPIPE) held.TakeBack(SIGPIPE);
    if (done == -EFBIG) held.TakeBack(SIGXFSZ);
    // A device that takes nothing and reports no error would otherwise hold us for ever.
    return error_ = done == 0 ? -EIO : static_cast<int>(done);
  }
  return 0;
}

}  // namespace heapprof
