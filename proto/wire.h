// SPDX-License-Identifier: Apache-2.0
// A streaming encoder of the protocol buffer wire format.
//
// Fields are appended to a fixed buffer, which is handed to the sink in pieces of about kFlushSize whenever
// no message is open. A nested message is written in place, as its length is known only at its end:
//
//     StartMessage() = p:   ... | body                 body is appended at p
//     EndMessage(tag, p):   ... | tag length | body    body moves right by the bytes of tag and length
//
// so a message costs one memmove of its own bytes, and no second buffer.
//
// Thread-safety: an object belongs to one writer. Signal-safety: yes. Allocates: never.
// Errors are sticky: after the first one nothing is written any more, and error() says what it was.
// -EMSGSIZE: a message did not fit into the buffer, which kMessageCapacity excludes for every message that a
// builder of profiles makes. Invariants: (1) size_ <= kBufferSize; (2) with no message open fewer than
// kFlushSize bytes are held between calls; so (3) a top-level message of up to kMessageCapacity bytes always
// fits.
#ifndef HEAPPROF_PROTO_WIRE_H_
#define HEAPPROF_PROTO_WIRE_H_

#include <stddef.h>
#include <stdint.h>

#include "proto/byte_sink.h"

namespace heapprof {

class WireEncoder {
 public:
  static constexpr size_t kFlushSize = 4096;
  static constexpr size_t kBufferSize = 64 << 10;
  static constexpr size_t kMaxVarint = 10;
  // Tag and length stand before the body, and each append asks for the room of the longest varint.
  static constexpr size_t kMessageCapacity = kBufferSize - kFlushSize - 64;

  // Where an open message began. To be given back to EndMessage, innermost first.
  struct Mark {
    size_t offset;
  };

  // `buffer` has kBufferSize bytes and outlives the encoder, as does `sink`.
  WireEncoder(ByteSink* sink, uint8_t* buffer) : sink_(sink), data_(buffer) {}
  WireEncoder(const WireEncoder&) = delete;
  WireEncoder& operator=(const WireEncoder&) = delete;

  void Uint64(int field, uint64_t value);
  // Negative values take ten bytes, as the format has it for int64.
  void Int64(int field, int64_t value) { Uint64(field, static_cast<uint64_t>(value)); }
  void Bool(int field, bool value) { Uint64(field, value ? 1 : 0); }
  // More than two values are packed into one field; for fewer that would not be shorter.
  void Uint64s(int field, const uint64_t* values, size_t count);
  void Int64s(int field, const int64_t* values, size_t count);
  // A string of any length when no message is open; within a message it must fit.
  void String(int field, const char* text, size_t size);

  // The same in parts, with no message open: the head, then `size` bytes by any number of calls.
  void StringHead(int field, size_t size);
  void StringPart(const char* text, size_t size);

  // The forms below leave out what a reader takes as given: 0, false, "".
  void Uint64Opt(int field, uint64_t value) {
    if (value != 0) Uint64(field, value);
  }
  void Int64Opt(int field, int64_t value) {
    if (value != 0) Int64(field, value);
  }
  void BoolOpt(int field, bool value) {
    if (value) Bool(field, value);
  }
  void StringOpt(int field, const char* text, size_t size) {
    if (size != 0) String(field, text, size);
  }

  Mark StartMessage();
  void EndMessage(int field, Mark start);

  // A packed field written value by value, for lists that need not exist in memory:
  // StartMessage, Varint..., EndMessage.
  void Varint(uint64_t value);

  // Hands over what is still held. Returns error().
  int Flush();

  int error() const { return error_; }
  void Fail(int error) {
    if (error_ == 0) error_ = error;
  }

 private:
  // True if `size` more bytes can be appended.
  bool Room(size_t size);
  void Append(uint64_t value);  // the bytes of a varint; Room was asked
  void Tag(int field, int wire_type) { Append(static_cast<uint64_t>(field) << 3 | wire_type); }
  void FlushIfDue() {
    if (open_ == 0 && size_ >= kFlushSize) Flush();
  }

  ByteSink* sink_;
  uint8_t* data_;
  size_t size_ = 0;
  int open_ = 0;  // messages started and not ended
  int error_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROTO_WIRE_H_
