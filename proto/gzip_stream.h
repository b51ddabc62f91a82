// SPDX-License-Identifier: Apache-2.0
// Compresses what is written to it, as a gzip file (RFC 1952), into another sink.
//
// Level 1: profiles compress to about a fifth at any level, and a dump holds up the thread that a signal hit.
// The header carries no time and no name, so that equal profiles give equal files.
//
// Thread-safety: an object belongs to one writer. Signal-safety: yes. Allocates: never; zlib's own state
// comes out of the workspace, and a test pins that its size suffices. Errors are sticky.
#ifndef HEAPPROF_PROTO_GZIP_STREAM_H_
#define HEAPPROF_PROTO_GZIP_STREAM_H_

#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "proto/byte_sink.h"

namespace heapprof {

class GzipStream final : public ByteSink {
 public:
  // Memory of the stream; need not be zeroed. 16-byte aligned.
  struct alignas(16) Workspace {
    uint8_t state[320 << 10];  // zlib asks for 268 KiB at windowBits 15, memLevel 8
    uint8_t output[16 << 10];
  };

  GzipStream(ByteSink* sink, Workspace* workspace);
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  int Write(const void* data, size_t size) override;
  // Writes the end of the stream. Returns error(). Nothing may be written after it.
  int Finish();

  int error() const { return error_; }

 private:
  static voidpf Allocate(voidpf stream, uInt items, uInt size);
  static void Free(voidpf, voidpf) {}  // the workspace goes as a whole
  int Run(int flush);

  ByteSink* sink_;
  Workspace* workspace_;
  size_t state_used_ = 0;
  z_stream z_;
  int error_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROTO_GZIP_STREAM_H_
