// SPDX-License-Identifier: Apache-2.0
#include "base/system/write_signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

// The kernel's signal set: one bit a signal, from bit 0 for signal 1. libc's sigset_t is larger.
using KernelSigset = uint64_t;
constexpr KernelSigset Bit(int signal) { return KernelSigset{1} << (signal - 1); }
constexpr KernelSigset kWriteSignals = Bit(SIGPIPE) | Bit(SIGXFSZ);

long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

}  // namespace

WriteSignalsHeld::WriteSignalsHeld() {
  RawSyscall(SYS_rt_sigprocmask, SIG_BLOCK, Address(&kWriteSignals), Address(&saved_), sizeof(saved_));
  RawSyscall(SYS_rt_sigpending, Address(&pending_before_), sizeof(pending_before_));
}

WriteSignalsHeld::~WriteSignalsHeld() {
  RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, Address(&saved_), 0, sizeof(saved_));
}

void WriteSignalsHeld::TakeBack(ssize_t result) {
  if (result != -EPIPE && result != -EFBIG) return;
  const int signal = result == -EPIPE ? SIGPIPE : SIGXFSZ;
  if ((pending_before_ & Bit(signal)) != 0) return;
  KernelSigset set = Bit(signal);
  struct timespec no_wait = {0, 0};
  long taken;
  do {
    taken = RawSyscall(SYS_rt_sigtimedwait, Address(&set), 0, Address(&no_wait), sizeof(set));
  } while (taken == -EINTR);
}

}  // namespace heapprof
