// SPDX-License-Identifier: Apache-2.0
// Writes to a file descriptor, all of it or an error.
//
// Short writes and EINTR are retried. A broken pipe is -EPIPE and a file past RLIMIT_FSIZE is -EFBIG, without
// the SIGPIPE or SIGXFSZ that the kernel sends to the writing thread along with them: a profile must not end
// the program that it is taken of. Both signals are blocked around each write, and one that the write has
// raised is taken back before the mask is restored; one that was pending before stays pending.
//
// The descriptor is not closed. A non-blocking descriptor that is full is waited for.
// Thread-safety: an object belongs to one writer. Signal-safety: yes. Allocates: never. Errors are sticky.
#ifndef HEAPPROF_PROTO_DESCRIPTOR_SINK_H_
#define HEAPPROF_PROTO_DESCRIPTOR_SINK_H_

#include <stddef.h>
#include <stdint.h>

#include "proto/byte_sink.h"

namespace heapprof {

class DescriptorSink final : public ByteSink {
 public:
  explicit DescriptorSink(int fd) : fd_(fd) {}
  DescriptorSink(const DescriptorSink&) = delete;
  DescriptorSink& operator=(const DescriptorSink&) = delete;

  int Write(const void* data, size_t size) override;

  int error() const { return error_; }
  uint64_t written() const { return written_; }

 private:
  int fd_;
  int error_ = 0;
  uint64_t written_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROTO_DESCRIPTOR_SINK_H_
