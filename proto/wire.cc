// SPDX-License-Identifier: Apache-2.0
#include "proto/wire.h"

#include <errno.h>
#include <string.h>

namespace heapprof {
namespace {

constexpr int kTypeVarint = 0;
constexpr int kTypeLength = 2;
constexpr size_t kMaxHeader = 5 + WireEncoder::kMaxVarint;

size_t PutVarint(uint8_t* to, uint64_t value) {
  size_t size = 0;
  while (value >= 128) {
    to[size++] = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  to[size++] = static_cast<uint8_t>(value);
  return size;
}

}  // namespace

bool WireEncoder::Room(size_t size) {
  if (error_ != 0) return false;
  if (size > kBufferSize - size_) {
    Fail(-EMSGSIZE);
    return false;
  }
  return true;
}

void WireEncoder::Append(uint64_t value) { size_ += PutVarint(data_ + size_, value); }

void WireEncoder::Varint(uint64_t value) {
  if (Room(kMaxVarint)) Append(value);
}

void WireEncoder::Uint64(int field, uint64_t value) {
  if (!Room(kMaxHeader + kMaxVarint)) return;
  Tag(field, kTypeVarint);
  Append(value);
  FlushIfDue();
}

void WireEncoder::Uint64s(int field, const uint64_t* values, size_t count) {
  if (count <= 2) {
    for (size_t i = 0; i < count; i++) Uint64(field, values[i]);
    return;
  }
  Mark start = StartMessage();
  for (size_t i = 0; i < count; i++) Varint(values[i]);
  EndMessage(field, start);
}

void WireEncoder::Int64s(int field, const int64_t* values, size_t count) {
  // Signed and unsigned values of one width may be read through each other's type.
  Uint64s(field, reinterpret_cast<const uint64_t*>(values), count);
}

void WireEncoder::String(int field, const char* text, size_t size) {
  if (!Room(kMaxHeader)) return;
  if (open_ == 0 && size > kFlushSize) {
    Tag(field, kTypeLength);
    Append(size);
    if (Flush() == 0) Fail(sink_->Write(text, size));
    return;
  }
  if (!Room(kMaxHeader + size)) return;
  Tag(field, kTypeLength);
  Append(size);
  memcpy(data_ + size_, text, size);
  size_ += size;
  FlushIfDue();
}

void WireEncoder::StringHead(int field, size_t size) {
  if (!Room(kMaxHeader)) return;
  Tag(field, kTypeLength);
  Append(size);
}

void WireEncoder::StringPart(const char* text, size_t size) {
  while (size > 0) {
    size_t part = size < kFlushSize ? size : kFlushSize;
    if (!Room(part)) return;
    memcpy(data_ + size_, text, part);
    size_ += part;
    text += part;
    size -= part;
    FlushIfDue();
  }
}

WireEncoder::Mark WireEncoder::StartMessage() {
  open_++;
  return Mark{size_};
}

void WireEncoder::EndMessage(int field, Mark start) {
  open_--;
  uint8_t header[2 * kMaxVarint];
  size_t body = size_ - start.offset;
  size_t length = PutVarint(header, static_cast<uint64_t>(field) << 3 | kTypeLength);
  length += PutVarint(header + length, body);
  if (!Room(length)) return;
  memmove(data_ + start.offset + length, data_ + start.offset, body);
  memcpy(data_ + start.offset, header, length);
  size_ += length;
  FlushIfDue();
}

int WireEncoder::Flush() {
  if (error_ == 0 && size_ != 0) Fail(sink_->Write(data_, size_));
  size_ = 0;
  return error_;
}

}  // namespace heapprof
