// SPDX-License-Identifier: Apache-2.0
// Where bytes of a profile go: encoder -> gzip stream -> descriptor, each of which sees the next as a
// ByteSink.
//
// Thread-safety: an object belongs to one writer. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROTO_BYTE_SINK_H_
#define HEAPPROF_PROTO_BYTE_SINK_H_

#include <stddef.h>

namespace heapprof {

class ByteSink {
 public:
  // Takes all of `data`, or fails: 0 or -errno. A failure is final, later calls answer the same.
  virtual int Write(const void* data, size_t size) = 0;

 protected:
  // Sinks live in workspaces and are never deleted, least of all through this base.
  ~ByteSink() = default;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROTO_BYTE_SINK_H_
