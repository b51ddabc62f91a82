// SPDX-License-Identifier: Apache-2.0
#include "proto/descriptor_sink.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>

#include "base/system/raw_syscall.h"
#include "base/system/write_signals.h"

namespace heapprof {
namespace {

long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

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
    held.TakeBack(done);
    // A device that takes nothing and reports no error would otherwise hold us for ever.
    return error_ = done == 0 ? -EIO : static_cast<int>(done);
  }
  return 0;
}

}  // namespace heapprof
