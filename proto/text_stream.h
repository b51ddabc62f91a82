// SPDX-License-Identifier: Apache-2.0
// Text of any length into a sink, through a fixed buffer.
//
// Thread-safety: an object belongs to one writer. Signal-safety: yes. Allocates: never. Errors are sticky and
// come out of Flush().
#ifndef HEAPPROF_PROTO_TEXT_STREAM_H_
#define HEAPPROF_PROTO_TEXT_STREAM_H_

#include <stddef.h>
#include <stdint.h>

#include "proto/byte_sink.h"

namespace heapprof {

class TextStream {
 public:
  static constexpr size_t kBufferSize = 64 << 10;

  // `buffer` has kBufferSize bytes.
  TextStream(ByteSink* sink, char* buffer) : sink_(sink), data_(buffer) {}
  TextStream(const TextStream&) = delete;
  TextStream& operator=(const TextStream&) = delete;

  TextStream& Str(const char* text);
  TextStream& Str(const char* text, size_t size);
  TextStream& UDec(uint64_t value);
  TextStream& Hex(uint64_t value);  // lower case, with 0x

  // Hands over what is held. 0, or the first error of the sink.
  int Flush();
  int error() const { return error_; }

 private:
  char* Room(size_t size);

  ByteSink* sink_;
  char* data_;
  size_t size_ = 0;
  int error_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROTO_TEXT_STREAM_H_
