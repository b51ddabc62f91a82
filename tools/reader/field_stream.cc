// SPDX-License-Identifier: Apache-2.0
#include "tools/reader/field_stream.h"

#include <algorithm>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

[[noreturn]] void CutOff() { throw Failure("not a complete profile: it ends inside a field"); }

}  // namespace

bool FieldStream::Byte(unsigned char* byte) {
  if (begin_ == end_) {
    begin_ = 0;
    end_ = source_->Read(window_.data(), window_.size());
    if (end_ == 0) return false;
  }
  *byte = static_cast<unsigned char>(window_[begin_++]);
  return true;
}

uint64_t FieldStream::Varint(bool at_field_start, bool* ended) {
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    unsigned char byte;
    if (!Byte(&byte)) {
      if (!at_field_start || shift != 0) CutOff();
      *ended = true;
      return 0;
    }
    // The tenth byte has room for one bit.
    if (shift == 63 && byte > 1) break;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  throw Failure("not a profile: a varint does not end within ten bytes");
}

void FieldStream::Bytes(uint64_t size) {
  if (size > kMaxField) {
    throw Failure("not a profile: a field claims " + std::to_string(size) + " bytes");
  }
  if (size <= end_ - begin_) {
    bytes_ = std::string_view(window_).substr(begin_, size);
    begin_ += size;
    return;
  }
  long_field_.assign(window_, begin_, end_ - begin_);
  begin_ = end_ = 0;
  while (long_field_.size() < size) {
    const size_t had = long_field_.size();
    const size_t want = std::min<uint64_t>(size - had, kWindow);
    long_field_.resize(had + want);
    const size_t got = source_->Read(long_field_.data() + had, want);
    if (got == 0) CutOff();
    long_field_.resize(had + got);
  }
  bytes_ = long_field_;
}

uint64_t FieldStream::Fixed(int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i) {
    unsigned char byte;
    if (!Byte(&byte)) CutOff();
    value |= static_cast<uint64_t>(byte) << (8 * i);
  }
  return value;
}

bool FieldStream::Next() {
  bool ended = false;
  const uint64_t tag = Varint(true, &ended);
  if (ended) return false;
  wire_type_ = tag & 7;
  if (tag >> 3 == 0 || tag >> 32 != 0) throw Failure("not a profile: a field has no valid number");
  number_ = static_cast<uint32_t>(tag >> 3);
  value_ = 0;
  bytes_ = {};
  switch (wire_type_) {
    case 0:
      value_ = Varint(false, &ended);
      break;
    case 1:
      value_ = Fixed(8);
      break;
    case 2:
      Bytes(Varint(false, &ended));
      break;
    case 5:
      value_ = Fixed(4);
      break;
    default:
      throw Failure("not a profile: a field has wire type " + std::to_string(wire_type_));
  }
  return true;
}

}  // namespace heapprof::tools
