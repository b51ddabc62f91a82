// SPDX-License-Identifier: Apache-2.0
#include "proto/text_stream.h"

#include <string.h>

namespace heapprof {
namespace {

constexpr size_t kMaxDigits = 20;

}  // namespace

char* TextStream::Room(size_t size) {
  if (size > kBufferSize - size_) Flush();
  return data_ + size_;
}

TextStream& TextStream::Str(const char* text) { return Str(text, strlen(text)); }

TextStream& TextStream::Str(const char* text, size_t size) {
  while (size > 0) {
    size_t piece = size < kBufferSize ? size : kBufferSize;
    memcpy(Room(piece), text, piece);
    size_ += piece;
    text += piece;
    size -= piece;
  }
  return *this;
}

TextStream& TextStream::UDec(uint64_t value) {
  char digits[kMaxDigits];
  size_t at = kMaxDigits;
  do {
    digits[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return Str(digits + at, kMaxDigits - at);
}

TextStream& TextStream::Hex(uint64_t value) {
  char* to = Room(2 + 16);
  int digits = value == 0 ? 1 : (67 - __builtin_clzll(value)) / 4;
  to[0] = '0';
  to[1] = 'x';
  for (int i = digits + 1; i >= 2; i--, value >>= 4) to[i] = "0123456789abcdef"[value & 15];
  size_ += 2 + static_cast<size_t>(digits);
  return *this;
}

int TextStream::Flush() {
  if (error_ == 0 && size_ > 0) error_ = sink_->Write(data_, size_);
  size_ = 0;
  return error_;
}

}  // namespace heapprof
