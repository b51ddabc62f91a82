// SPDX-License-Identifier: Apache-2.0
// The fields of a protobuf message that is too large to hold: one field at a time out of a stream.
//
// Memory grows with the bytes that have really arrived of the longest field, never with the length it claims.
// Thread-safety: an object belongs to one thread. Errors: Failure (a varint without end, a wire type that
// does not exist, field number 0, a field cut off by the end, one longer than the bound).
#ifndef HEAPPROF_TOOLS_READER_FIELD_STREAM_H_
#define HEAPPROF_TOOLS_READER_FIELD_STREAM_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/reader/inflate.h"

namespace heapprof::tools {

class FieldStream {
 public:
  explicit FieldStream(ProfileSource* source) : source_(source) { window_.resize(kWindow); }

  // Goes to the next field; false at the end of the message, which lies between two fields.
  bool Next();

  uint32_t number() const { return number_; }
  bool is_varint() const { return wire_type_ == 0; }
  bool is_bytes() const { return wire_type_ == 2; }
  // Of a varint or fixed field.
  uint64_t value() const { return value_; }
  // Of a field of bytes; good until the next call of Next.
  std::string_view bytes() const { return bytes_; }

 private:
  static constexpr size_t kWindow = 32 << 10;  // is filled with zeros for each profile
  static constexpr uint64_t kMaxField = 64 << 20;

  bool Byte(unsigned char* byte);  // false at the end of the stream
  uint64_t Varint(bool at_field_start, bool* ended);
  void Bytes(uint64_t size);
  uint64_t Fixed(int size);

  ProfileSource* source_;
  std::string window_;
  size_t begin_ = 0, end_ = 0;
  std::string long_field_;  // a field that does not lie in the window whole
  uint32_t number_ = 0, wire_type_ = 0;
  uint64_t value_ = 0;
  std::string_view bytes_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_READER_FIELD_STREAM_H_
